SELECT seq, first_id, last_id, removed_created_at FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2
