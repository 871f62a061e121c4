-- The line of values is repeated for many rows.
INSERT INTO link_urls (part, hash, link_id)
VALUES
(?, ?, ?)
