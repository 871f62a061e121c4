-- A page of links that are, or are not, archived: ?2 and ?3 are the time and the id to begin after.
SELECT id, code, url, created_at, updated_at, version, archived, redirect_status, forward_query,
    starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url, checksum
FROM links INDEXED BY links_by_time
WHERE archived = ?1 AND created_at <= ?2 AND (created_at < ?2 OR id < ?3)
ORDER BY created_at DESC, id DESC LIMIT ?4
