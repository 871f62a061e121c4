-- Whether the request with this key was given a link that there was already (`reuse`): its repetition is answered alike.
-- Versions that do not know it leave it false.
ALTER TABLE idempotency ADD COLUMN reused boolean NOT NULL DEFAULT false;
