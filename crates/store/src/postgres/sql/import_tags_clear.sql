-- Takes the entries that stored links have, before they are overwritten.
DELETE FROM link_tags USING unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[])
    AS had (tag, archived, created_at, link_id)
WHERE link_tags.tag = had.tag AND link_tags.archived = had.archived AND link_tags.created_at = had.created_at
    AND link_tags.link_id = had.link_id
