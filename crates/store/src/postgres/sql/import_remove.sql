-- Removes links, and what is left of removed ones, with all that belongs to them but their tags.
WITH asked AS (SELECT (id & 4095)::smallint AS bucket, id FROM unnest($1::bigint[]) AS asked (id)),
gone AS (
    DELETE FROM allowances USING asked WHERE allowances.bucket = asked.bucket AND allowances.link_id = asked.id
)
DELETE FROM links USING asked WHERE links.bucket = asked.bucket AND links.id = asked.id
