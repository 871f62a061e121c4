-- Links that are here under these codes and have other ids: the other store has removed them, and given their codes anew.
SELECT links.id
FROM unnest($1::bigint[], $2::text[]) AS asked (id, code)
CROSS JOIN LATERAL (
    SELECT * FROM links
    WHERE links.bucket = (asked.id & 4095)::smallint AND links.domain = 0 AND links.code = asked.code
    LIMIT 1
) AS links
WHERE links.id <> asked.id
