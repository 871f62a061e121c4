-- Where a chosen code leads: in one statement, so that code and row are of one moment.
SELECT links.id, links.code, url, created_at, updated_at, version, archived, redirect_status, forward_query,
    starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url, checksum, codes.link_id
FROM codes LEFT JOIN links ON links.id = codes.link_id
WHERE codes.domain = 0 AND codes.code = ?1
