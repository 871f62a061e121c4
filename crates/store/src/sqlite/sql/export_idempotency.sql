SELECT key, request, link_id, expires_at FROM idempotency WHERE key > ?1 ORDER BY key LIMIT ?2
