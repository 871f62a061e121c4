-- Every shelf of one number in one lane, found as in shelf_series.
WITH RECURSIVE grains (grain) AS (
    SELECT min(grain) FROM shelves WHERE lane = $1
    UNION ALL
    SELECT (SELECT min(grain) FROM shelves WHERE lane = $1 AND grain > grains.grain) FROM grains
    WHERE grains.grain IS NOT NULL
)
SELECT grains.grain, periods.start, found.shelf
FROM grains
CROSS JOIN LATERAL (
    WITH RECURSIVE steps (start) AS (
        SELECT min(start) FROM shelves WHERE lane = $1 AND grain = grains.grain
        UNION ALL
        SELECT (SELECT min(start) FROM shelves WHERE lane = $1 AND grain = grains.grain AND start > steps.start)
        FROM steps WHERE steps.start IS NOT NULL
    )
    SELECT start FROM steps
) AS periods
CROSS JOIN LATERAL (
    SELECT shelf FROM shelves
    WHERE lane = $1 AND grain = grains.grain AND start = periods.start AND number = $2 LIMIT 1
) AS found
