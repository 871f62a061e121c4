SELECT id, name, scopes, created_at, expires_at, revoked_at, hash FROM api_keys ORDER BY id
