-- Links in order of their ids, with all that is known of them.
SELECT id, code, url, created_at, updated_at, version, archived, redirect_status, forward_query,
    starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url, checksum, generated
FROM links WHERE id > ?1 ORDER BY id LIMIT ?2
