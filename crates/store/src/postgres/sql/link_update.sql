UPDATE links SET
    url = $3, url_hash = coalesce($4, url_hash), updated_at = $5, version = nextval('versions'), archived = $6,
    redirect_status = $7, forward_query = $8, starts_at = $9, expires_at = $10, max_clicks = $11, title = $12,
    notes = $13, tags = $14, password_hash = $15, expired_url = $16, words = $17::text::tsvector
WHERE bucket = $1 AND id = $2
RETURNING version
