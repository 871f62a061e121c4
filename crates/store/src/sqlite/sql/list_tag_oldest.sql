-- As list_oldest, of the links with the tag ?5.
SELECT link_id, created_at
FROM link_tags
WHERE tag = ?5 AND archived = ?1 AND created_at >= ?2 AND (created_at > ?2 OR link_id > ?3)
ORDER BY created_at ASC, link_id ASC LIMIT ?4
