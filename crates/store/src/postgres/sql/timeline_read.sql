-- Which server this is and how often one has taken over from another, and whether this session waits for the disk.
SELECT
    convert_to(system_identifier::text || ':' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), 'UTF8'),
    current_setting('synchronous_commit')
FROM pg_control_system()
