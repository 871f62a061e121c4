-- What links have left, of those that there are; nothing where they have no limit.
SELECT links.id, allowances.max_clicks - allowances.used
FROM unnest($1::smallint[], $2::bigint[]) AS asked (bucket, id)
CROSS JOIN LATERAL (
    SELECT id FROM links WHERE links.bucket = asked.bucket AND links.id = asked.id AND NOT links.retired LIMIT 1
) AS links
LEFT JOIN allowances ON allowances.bucket = asked.bucket AND allowances.link_id = asked.id
