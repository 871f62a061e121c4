-- As list_newest, of the links with the tag ?5.
SELECT link_id, created_at
FROM link_tags
WHERE tag = ?5 AND archived = ?1 AND created_at <= ?2 AND (created_at < ?2 OR link_id < ?3)
ORDER BY created_at DESC, link_id DESC LIMIT ?4
