-- Which server this is, how often one has taken over from another, and which of its databases and tables these are, which a dump
-- that is put back makes anew; and whether this session waits for the disk.
SELECT
    convert_to(
        concat_ws(
            ':',
            system_identifier,
            left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
            (SELECT oid FROM pg_database WHERE datname = current_database()),
            'meta'::regclass::oid
        ),
        'UTF8'
    ),
    current_setting('synchronous_commit')
FROM pg_control_system()
