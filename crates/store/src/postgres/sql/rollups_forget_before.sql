DELETE FROM rollups WHERE (lane, grain, start, subject) IN (
    SELECT lane, grain, start, subject FROM rollups WHERE lane = $1 AND grain = $2 AND start < $3
    ORDER BY start, subject LIMIT $4
)
RETURNING 1
