-- Gives links that were just made versions that were taken after their rows were: see ARCHITECTURE.md, versions.
UPDATE links SET version = nextval('versions')
FROM unnest($1::bigint[]) AS made (id)
WHERE links.bucket = (made.id & 4095)::smallint AND links.id = made.id
RETURNING links.id, links.version
