-- Which server this is and how often one has taken over from another; which of its databases and tables these are, which a dump
-- that is put back makes anew; and whether this session waits for the disk.
SELECT
    convert_to(system_identifier::text || ':' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), 'UTF8'),
    convert_to(
        (SELECT oid FROM pg_database WHERE datname = current_database())::text || ':' || 'meta'::regclass::oid::text,
        'UTF8'
    ),
    current_setting('synchronous_commit')
FROM pg_control_system()
