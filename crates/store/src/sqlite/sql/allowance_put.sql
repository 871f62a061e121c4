REPLACE INTO allowances (link_id, used, checksum) VALUES (?1, ?2, ?3)
