SELECT request, link_id FROM idempotency WHERE key = ?1 AND expires_at > ?2
