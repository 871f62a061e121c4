-- As list_oldest, of the links whose words match $5, and which have the tag $6 where one is given.
SELECT links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM links
WHERE NOT retired AND words @@ $5::text::tsquery AND archived = $1 AND created_at >= $2
    AND (created_at > $2 OR id > $3)
    AND ($6::text IS NULL OR EXISTS (
        SELECT 1 FROM link_tags
        WHERE tag = $6 AND link_tags.archived = $1 AND link_tags.created_at = links.created_at AND link_id = links.id
    ))
ORDER BY created_at ASC, id ASC LIMIT $4
