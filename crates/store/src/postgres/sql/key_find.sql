SELECT id, name, scopes, created_at, expires_at, revoked_at FROM api_keys WHERE hash = $1
