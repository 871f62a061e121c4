-- Without a new fingerprint (?3) the url is the same for the index, and its entry stays in its part.
UPDATE links SET
    url = ?2, url_hash = coalesce(?3, url_hash),
    url_part = CASE WHEN coalesce(?3, url_hash) = url_hash THEN url_part ELSE ?4 END,
    updated_at = ?5, version = ?6, archived = ?7, redirect_status = ?8, forward_query = ?9, starts_at = ?10,
    expires_at = ?11, max_clicks = ?12, title = ?13, notes = ?14, tags = ?15, password_hash = ?16, expired_url = ?17,
    checksum = ?18
WHERE id = ?1
