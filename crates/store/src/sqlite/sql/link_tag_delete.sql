DELETE FROM link_tags WHERE tag = ?1 AND archived = ?2 AND created_at = ?3 AND link_id = ?4
