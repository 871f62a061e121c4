-- A few at a time: each group that remembers keys forgets more than it brought. What others are forgetting is left to them.
-- Whose clock ($1) is ahead of the server's forgets no key that is still good.
DELETE FROM idempotency WHERE key IN (
    SELECT key FROM idempotency
    WHERE expires_at <= least($1, (extract(epoch FROM now()) * 1000)::bigint)
    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
