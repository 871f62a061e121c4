SELECT key, request, link_id, expires_at, reused FROM idempotency WHERE key = ANY ($1)
