-- What is there under ids, removed links too.
SELECT links.id, links.created_at, links.generated
FROM unnest($1::bigint[]) AS asked (id)
JOIN links ON links.bucket = (asked.id & 4095)::smallint AND links.id = asked.id
