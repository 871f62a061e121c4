DELETE FROM shelves WHERE (lane, grain, start, number) IN (
    SELECT lane, grain, start, number FROM shelves WHERE lane = $1 AND grain = $2 AND start < $3
    ORDER BY start, number LIMIT $4
)
RETURNING shelf, start, number
