-- Which server this is, and how often one has taken over from another.
SELECT convert_to(system_identifier::text || ':' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), 'UTF8')
FROM pg_control_system()
