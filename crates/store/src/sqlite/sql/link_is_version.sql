-- Whether the row with an id is the one that was made at a version.
SELECT 1 FROM links WHERE id = ?1 AND version = ?2
