-- Removes links that the other store does not have, with all that belongs to them but their tags.
WITH gone AS (
    DELETE FROM allowances USING unnest($2::bigint[]) AS asked (id)
    WHERE allowances.bucket = $1 AND allowances.link_id = asked.id
)
DELETE FROM links USING unnest($2::bigint[]) AS asked (id) WHERE links.bucket = $1 AND links.id = asked.id
