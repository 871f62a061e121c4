-- The primary key decides who gets an id; a conflict inserts nothing.
INSERT INTO links (
    id, domain, code, url, url_hash, url_part, created_at, updated_at, version, generated, archived, redirect_status,
    forward_query, starts_at, expires_at, max_clicks, title, notes, tags, password_hash, expired_url,
    checksum
)
VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, 0, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
ON CONFLICT (id) DO NOTHING
