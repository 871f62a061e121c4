-- Removes a link whose code is the one that its id stands for, all but its id, and whether somebody chose the code.
UPDATE links SET
    retired = true, version = nextval('versions'), url = '', url_hash = 0, starts_at = NULL, expires_at = NULL,
    max_clicks = NULL, title = NULL, notes = NULL, tags = NULL, password_hash = NULL, expired_url = NULL, words = NULL
WHERE bucket = $1 AND id = $2
RETURNING version
