-- Moves the heartbeat on from $1, unless somebody else just has: of many processes one writes. It never goes back, whatever
-- the clock does.
WITH moved AS (
    UPDATE heartbeat SET beat_at = greatest(beat_at + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    WHERE beat_at = $1 RETURNING beat_at
)
SELECT coalesce((SELECT beat_at FROM moved), beat_at) FROM heartbeat
