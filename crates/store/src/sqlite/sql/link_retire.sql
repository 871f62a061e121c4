-- Remembers the id of a link that is about to go, if its code is the one that the id stands for.
INSERT INTO retired (id, generated) SELECT id, generated FROM links WHERE id = ?1 AND code IS NULL
ON CONFLICT DO NOTHING
