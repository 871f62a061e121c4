-- Removes a link whose id is not the one that its code names.
DELETE FROM links WHERE bucket = $1 AND id = $2 RETURNING nextval('versions')
