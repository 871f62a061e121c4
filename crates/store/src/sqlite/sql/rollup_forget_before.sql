DELETE FROM rollups
WHERE (grain, start, subject) IN (
    SELECT grain, start, subject FROM rollups WHERE grain = ?1 AND start < ?2 ORDER BY start, subject LIMIT ?3
)
