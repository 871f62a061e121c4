-- What operators want to know of a server.
SELECT
    current_setting('server_version'), current_setting('max_connections')::bigint,
    (SELECT sum(numbackends)::bigint FROM pg_stat_database), current_setting('fsync')::boolean,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint, inet_server_port(),
    (SELECT setting FROM pg_settings WHERE name = 'statement_timeout'),
    (SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'),
    -- The owner of the tables, where the user has not its rights: only they may empty the list that words_flush empties.
    (
        SELECT pg_get_userbyid(relowner)::text FROM pg_class
        WHERE oid = to_regclass('links_by_words') AND NOT pg_has_role(relowner, 'USAGE')
    )
