INSERT INTO links (
    bucket, id, domain, url, url_hash, created_at, updated_at, version, generated, retired, archived, redirect_status,
    forward_query
)
SELECT (id & 4095)::smallint, id, 0, '', 0, 0, 0, 0, true, true, false, 302, false FROM unnest($1::bigint[]) AS asked (id)
ON CONFLICT (bucket, id) DO UPDATE SET
    retired = true, generated = true, url = '', url_hash = 0, starts_at = NULL, expires_at = NULL, max_clicks = NULL,
    title = NULL, notes = NULL, tags = NULL, password_hash = NULL, expired_url = NULL, words = NULL
