SELECT request, link_id, reused FROM idempotency WHERE key = ?1 AND expires_at > ?2
