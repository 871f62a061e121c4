INSERT INTO api_keys (name, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (hash) DO NOTHING RETURNING id
