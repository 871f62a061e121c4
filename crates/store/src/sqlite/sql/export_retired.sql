SELECT id, generated FROM retired WHERE id > ?1 ORDER BY id LIMIT ?2
