SELECT
    pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint, beat_at,
    (SELECT value FROM meta WHERE name = 'codes.key')
FROM heartbeat
