-- Candidates for reuse, which have no end; for each fingerprint the newest ones.
SELECT asked.url_hash, links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM unnest($1::bigint[]) AS asked (url_hash)
CROSS JOIN LATERAL (
    SELECT * FROM links
    WHERE links.url_hash = asked.url_hash AND NOT links.archived AND NOT links.retired
        AND links.expires_at IS NULL AND links.max_clicks IS NULL
    ORDER BY links.id DESC LIMIT 100
) AS links
