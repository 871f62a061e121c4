-- Adds a link to the lists of its tags.
WITH tagged AS (
    INSERT INTO link_tags (tag, archived, created_at, link_id)
    SELECT tag, $2, $3, $4 FROM unnest($1::text[]) AS asked (tag)
    ON CONFLICT DO NOTHING
    RETURNING tag
)
INSERT INTO tag_counts (tag, slot, links)
SELECT tag, pg_backend_pid() % 32, count(*) FROM tagged GROUP BY tag ORDER BY tag
ON CONFLICT (tag, slot) DO UPDATE SET links = tag_counts.links + excluded.links
