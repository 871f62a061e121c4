SELECT key, request, link_id, expires_at, reused FROM idempotency WHERE key > ?1 ORDER BY key LIMIT ?2
