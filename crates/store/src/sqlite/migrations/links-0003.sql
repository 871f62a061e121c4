-- Whether the request with this key was given a link that there was already (`reuse`): its repetition is answered alike.
ALTER TABLE idempotency ADD COLUMN reused INTEGER NOT NULL DEFAULT 0;
