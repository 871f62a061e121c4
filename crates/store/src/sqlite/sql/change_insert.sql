INSERT INTO changes (seq, first_id, last_id, removed_created_at) VALUES (?1, ?2, ?3, ?4)
