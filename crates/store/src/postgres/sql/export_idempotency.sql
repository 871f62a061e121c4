SELECT key, request, link_id, expires_at FROM idempotency WHERE key = ANY ($1)
