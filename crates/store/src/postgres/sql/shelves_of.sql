-- The shelves that hold the lifetime totals of links, in every lane.
SELECT asked.number, shelves.shelf
FROM unnest($1::bigint[]) AS asked (number)
CROSS JOIN lanes
CROSS JOIN LATERAL (
    SELECT shelf FROM shelves WHERE lane = lanes.lane AND grain = 0 AND start = 0 AND number = asked.number LIMIT 1
) AS shelves
