DELETE FROM shelves
WHERE (grain, start, number) IN (
    SELECT grain, start, number FROM shelves WHERE grain = ?1 AND start < ?2 ORDER BY start, number LIMIT ?3
)
RETURNING shelf, start, number
