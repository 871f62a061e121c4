SELECT id, code, url, created_at, updated_at, version, archived, redirect_status, forward_query,
    starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url, checksum
FROM links INDEXED BY links_by_code WHERE code = ?1
