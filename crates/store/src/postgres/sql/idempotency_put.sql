INSERT INTO idempotency (key, request, link_id, expires_at, reused)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::boolean[])
ON CONFLICT (key) DO UPDATE SET request = excluded.request, link_id = excluded.link_id, expires_at = excluded.expires_at,
    reused = excluded.reused
