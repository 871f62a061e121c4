INSERT INTO api_keys (id, name, hash, scopes, created_at, expires_at, revoked_at)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, hash = excluded.hash, scopes = excluded.scopes, created_at = excluded.created_at,
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at
