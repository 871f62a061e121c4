-- Removes a link whose code was chosen.
DELETE FROM links WHERE bucket = $1 AND id = $2 AND NOT generated RETURNING nextval('versions')
