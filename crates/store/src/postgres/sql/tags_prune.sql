-- A slot that counts nothing needs no row.
DELETE FROM tag_counts WHERE tag = ANY ($1::text[]) AND slot = pg_backend_pid() % 32 AND links = 0
