-- Links and what is left of removed ones, in the order of the table.
SELECT links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url, links.generated, links.retired, allowances.used
FROM links LEFT JOIN allowances ON allowances.bucket = links.bucket AND allowances.link_id = links.id
WHERE (links.bucket, links.id) > ($1, $2)
ORDER BY links.bucket, links.id LIMIT $3
