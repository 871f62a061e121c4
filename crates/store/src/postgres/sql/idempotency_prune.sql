-- A few at a time: each group that remembers keys forgets more than it brought. What others are forgetting is left to them.
DELETE FROM idempotency WHERE key IN (
    SELECT key FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
