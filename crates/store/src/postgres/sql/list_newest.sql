-- A page of links that are, or are not, archived: $2 and $3 are the time and the id to begin after.
SELECT links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM links
WHERE NOT retired AND archived = $1 AND created_at <= $2 AND (created_at < $2 OR id < $3)
ORDER BY created_at DESC, id DESC LIMIT $4
