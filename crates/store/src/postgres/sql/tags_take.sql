-- Takes a link from the lists of its tags.
WITH untagged AS (
    DELETE FROM link_tags WHERE tag = ANY ($1::text[]) AND archived = $2 AND created_at = $3 AND link_id = $4
    RETURNING tag
)
INSERT INTO tag_counts (tag, slot, links)
SELECT tag, pg_backend_pid() % 32, -count(*) FROM untagged GROUP BY tag ORDER BY tag
ON CONFLICT (tag, slot) DO UPDATE SET links = tag_counts.links + excluded.links
