-- A link, which nobody else changes until the end of the transaction.
SELECT links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM links WHERE bucket = $1 AND id = $2 AND NOT retired FOR UPDATE
