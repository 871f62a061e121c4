-- As list_newest, of the links with the tag $5.
SELECT links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM (
    SELECT link_id, created_at FROM link_tags
    WHERE tag = $5 AND archived = $1 AND created_at <= $2 AND (created_at < $2 OR link_id < $3)
    ORDER BY created_at DESC, link_id DESC LIMIT $4
) AS tagged
CROSS JOIN LATERAL (
    SELECT * FROM links
    WHERE links.bucket = (tagged.link_id & 4095)::smallint AND links.id = tagged.link_id AND NOT links.retired LIMIT 1
) AS links
ORDER BY tagged.created_at DESC, tagged.link_id DESC
