-- Batches of one lane follow each other: what one reads nobody else changes before it has written.
SELECT pg_advisory_xact_lock(20852, $1)
