-- What the user may not do here that a process must, in words; an empty text where it may do all: make tables while there are none,
-- and then read and change those of ours, and take numbers from our sequences. Those of identity columns ask for no right.
SELECT CASE
    WHEN to_regclass('curtail_schema') IS NULL THEN
        CASE
            WHEN current_schema() IS NULL THEN 'use any schema of its search_path'
            WHEN NOT has_schema_privilege(current_schema(), 'CREATE') THEN 'create tables in schema ' || current_schema()
            ELSE ''
        END
    ELSE coalesce((
        SELECT string_agg(what || names, ' and to ' ORDER BY what)
        FROM (
            SELECT 'read and change ' AS what, string_agg(tables.relname, ', ' ORDER BY tables.relname) AS names
            FROM pg_class AS schema JOIN pg_class AS tables USING (relnamespace, relowner)
            WHERE schema.oid = to_regclass('curtail_schema') AND tables.relkind = 'r' AND NOT (
                has_table_privilege(tables.oid, 'SELECT') AND has_table_privilege(tables.oid, 'INSERT')
                AND has_table_privilege(tables.oid, 'UPDATE') AND has_table_privilege(tables.oid, 'DELETE')
            )
            UNION ALL
            SELECT 'take numbers from ', string_agg(sequences.relname, ', ' ORDER BY sequences.relname)
            FROM pg_class AS schema JOIN pg_class AS sequences USING (relnamespace, relowner)
            -- Of what is no sequence this must not even be asked.
            WHERE schema.oid = to_regclass('curtail_schema')
                AND CASE sequences.relkind
                    -- The second is for the first start after a failover, which moves them ahead.
                    WHEN 'S' THEN NOT (has_sequence_privilege(sequences.oid, 'USAGE') AND has_sequence_privilege(sequences.oid, 'UPDATE'))
                    ELSE false
                END
                AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = sequences.oid AND deptype = 'i')
        ) AS lacking
        WHERE names IS NOT NULL
    ), '')
END
