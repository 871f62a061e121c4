SELECT used, checksum FROM allowances WHERE link_id = ?1
