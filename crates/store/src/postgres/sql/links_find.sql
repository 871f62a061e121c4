-- Many links at once, by id or by a chosen code, each with the number of its question. A code that names an id comes with
-- it ($7): when the link with that id was removed and its code had been chosen, another may have the code. LATERAL keeps the plan what it
-- must be however the statistics look: a step down an index for each.
SELECT asked.number, links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS asked (bucket, id, number)
CROSS JOIN LATERAL (
    SELECT * FROM links WHERE links.bucket = asked.bucket AND links.id = asked.id AND NOT links.retired LIMIT 1
) AS links
UNION ALL
SELECT asked.number, links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM unnest($4::smallint[], $5::text[], $6::bigint[]) AS asked (bucket, code, number)
CROSS JOIN LATERAL (
    SELECT * FROM links WHERE links.bucket = asked.bucket AND links.domain = 0 AND links.code = asked.code LIMIT 1
) AS links
UNION ALL
SELECT asked.number, links.id, links.code, links.url, links.created_at, links.updated_at, links.version, links.archived, links.redirect_status,
    links.forward_query, links.starts_at, links.expires_at, links.max_clicks, links.title, links.notes, links.tags,
    links.password_hash, links.expired_url
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $7::text[]) AS asked (bucket, id, number, code)
CROSS JOIN LATERAL (
    SELECT FROM links
    WHERE links.bucket = asked.bucket AND links.id = asked.id AND links.retired AND NOT links.generated LIMIT 1
) AS gone
CROSS JOIN LATERAL (
    SELECT * FROM links WHERE links.bucket = asked.bucket AND links.domain = 0 AND links.code = asked.code LIMIT 1
) AS links
