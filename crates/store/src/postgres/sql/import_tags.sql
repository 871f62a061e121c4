INSERT INTO link_tags (tag, archived, created_at, link_id)
SELECT * FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[])
ON CONFLICT DO NOTHING
