REPLACE INTO allowances (link_id, used) VALUES (?1, ?2)
