-- What operators want to know of a server, and what a process may not do there that it must: make tables while there are
-- none, and then read and change those of ours.
SELECT
    current_setting('server_version'), current_setting('max_connections')::bigint,
    (SELECT sum(numbackends)::bigint FROM pg_stat_database), current_setting('fsync')::boolean,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint, inet_server_port(),
    (SELECT setting FROM pg_settings WHERE name = 'statement_timeout'),
    CASE
        WHEN to_regclass('curtail_schema') IS NULL THEN
            CASE
                WHEN current_schema() IS NULL THEN 'use any schema of its search_path'
                WHEN NOT has_schema_privilege(current_schema(), 'CREATE') THEN 'create tables in schema ' || current_schema()
                ELSE ''
            END
        ELSE coalesce((
            SELECT 'read and change ' || string_agg(tables.relname, ', ' ORDER BY tables.relname)
            FROM pg_class AS schema JOIN pg_class AS tables USING (relnamespace, relowner)
            WHERE schema.oid = to_regclass('curtail_schema') AND tables.relkind = 'r' AND NOT (
                has_table_privilege(tables.oid, 'SELECT') AND has_table_privilege(tables.oid, 'INSERT')
                AND has_table_privilege(tables.oid, 'UPDATE') AND has_table_privilege(tables.oid, 'DELETE')
            )
        ), '')
    END
