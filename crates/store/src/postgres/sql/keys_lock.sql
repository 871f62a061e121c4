-- Whoever makes something of the same request or for the same url waits until the end of this transaction. In order,
-- so that two groups never wait for each other.
SELECT pg_advisory_xact_lock(lock) FROM unnest($1::bigint[]) AS asked (lock)
