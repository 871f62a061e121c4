SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint
