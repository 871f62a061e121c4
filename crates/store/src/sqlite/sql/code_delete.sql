DELETE FROM codes WHERE domain = 0 AND code = ?1 AND link_id = ?2
