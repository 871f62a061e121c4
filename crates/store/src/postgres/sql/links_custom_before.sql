-- Those of these ids that links had whose codes were chosen, and which were removed.
SELECT links.id
FROM unnest($1::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    SELECT id FROM links
    WHERE links.bucket = (asked.id & 4095)::smallint AND links.id = asked.id AND links.retired AND NOT links.generated
    LIMIT 1
) AS links
