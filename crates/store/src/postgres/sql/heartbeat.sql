-- Moves the heartbeat on unless somebody has just done so; of many processes one writes. $1 is the length of a beat.
WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now),
moved AS (
    UPDATE heartbeat SET beat_at = clock.now FROM clock WHERE beat_at <= clock.now - $1 RETURNING beat_at
)
SELECT coalesce((SELECT beat_at FROM moved), beat_at) FROM heartbeat
