-- Texts, all of them: what old servers say is read by the same code.
SELECT
    current_setting('server_version_num'), current_setting('server_version'), current_setting('server_encoding'),
    current_setting('synchronous_commit'), pg_is_in_recovery()::text
