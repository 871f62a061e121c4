INSERT INTO idempotency (key, request, link_id, expires_at, reused) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (key) DO UPDATE SET request = excluded.request, link_id = excluded.link_id, expires_at = excluded.expires_at,
    reused = excluded.reused
