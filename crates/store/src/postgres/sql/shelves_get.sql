SELECT asked.place, shelves.shelf
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS asked (grain, start, number, place)
CROSS JOIN LATERAL (
    SELECT shelf FROM shelves
    WHERE lane = $1 AND shelves.grain = asked.grain AND shelves.start = asked.start AND shelves.number = asked.number
    LIMIT 1
) AS shelves
