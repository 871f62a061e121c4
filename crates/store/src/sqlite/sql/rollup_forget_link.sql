-- The periods are found as in rollup_series.
WITH RECURSIVE periods (start) AS (
    SELECT min(start) FROM rollups WHERE grain = ?1
    UNION ALL
    SELECT (SELECT min(start) FROM rollups WHERE grain = ?1 AND start > periods.start)
    FROM periods WHERE periods.start IS NOT NULL
)
DELETE FROM rollups WHERE grain = ?1 AND start IN (SELECT start FROM periods) AND subject = ?2
