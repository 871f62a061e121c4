-- A few at a time: each group of changes that remembers a key forgets more than it brought.
DELETE FROM idempotency
WHERE key IN (SELECT key FROM idempotency WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
