SELECT id FROM links WHERE bucket = $1 ORDER BY id
