-- Remembers the id of a generated link that is about to go.
INSERT INTO retired (id) SELECT id FROM links WHERE id = ?1 AND generated = 1
ON CONFLICT DO NOTHING
