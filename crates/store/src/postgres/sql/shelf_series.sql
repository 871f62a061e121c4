-- Steps, in each lane, from period to period that has any row, and looks into each for one: never over others.
SELECT periods.start, lanes.lane, found.shelf
FROM lanes
CROSS JOIN LATERAL (
    WITH RECURSIVE steps (start) AS (
        SELECT min(start) FROM shelves WHERE lane = lanes.lane AND grain = $1 AND start >= $2
        UNION ALL
        SELECT (SELECT min(start) FROM shelves WHERE lane = lanes.lane AND grain = $1 AND start > steps.start)
        FROM steps WHERE steps.start < $3
    )
    SELECT start FROM steps WHERE start < $3
) AS periods
CROSS JOIN LATERAL (
    SELECT shelf FROM shelves
    WHERE lane = lanes.lane AND grain = $1 AND start = periods.start AND number = $4 LIMIT 1
) AS found
ORDER BY periods.start, lanes.lane
