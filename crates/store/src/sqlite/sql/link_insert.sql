-- The primary key decides who gets an id; a conflict inserts nothing. The line of values is repeated for many rows.
INSERT INTO links (
    id, domain, code, url, url_hash, url_part, created_at, updated_at, version, generated, archived, redirect_status,
    forward_query, starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url,
    checksum
)
VALUES
(?, 0, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
