-- Steps from period to period that has any rollup, and looks into each for the subject: never over other subjects.
WITH RECURSIVE periods (start) AS (
    SELECT min(start) FROM rollups WHERE grain = ?1 AND start >= ?2
    UNION ALL
    SELECT (SELECT min(start) FROM rollups WHERE grain = ?1 AND start > periods.start)
    FROM periods WHERE periods.start < ?3
)
SELECT rollups.start, rollups.rollup
FROM periods CROSS JOIN rollups ON rollups.grain = ?1 AND rollups.start = periods.start AND rollups.subject = ?4
WHERE periods.start < ?3
