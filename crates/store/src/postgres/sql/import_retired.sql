-- Takes what is left of removed links; what else is left of them here but their tags goes.
WITH asked AS (
    SELECT (id & 4095)::smallint AS bucket, id, generated FROM unnest($1::bigint[], $2::boolean[]) AS asked (id, generated)
),
gone AS (
    DELETE FROM allowances USING asked WHERE allowances.bucket = asked.bucket AND allowances.link_id = asked.id
)
INSERT INTO links (
    bucket, id, domain, url, url_hash, created_at, updated_at, version, generated, retired, archived, redirect_status,
    forward_query
)
SELECT bucket, id, 0, '', 0, 0, 0, 0, generated, true, false, 302, false FROM asked
ON CONFLICT (bucket, id) DO UPDATE SET
    retired = true, generated = excluded.generated, url = '', url_hash = 0, starts_at = NULL, expires_at = NULL,
    max_clicks = NULL, title = NULL, notes = NULL, tags = NULL, password_hash = NULL, expired_url = NULL, words = NULL
WHERE NOT links.retired OR links.generated <> excluded.generated
