-- A stretch of links by id, for the indexer.
SELECT id, code, url, created_at, updated_at, version, archived, redirect_status, forward_query,
    starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url, checksum
FROM links WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3
