SELECT link_id FROM codes WHERE domain = 0 AND code = ?1
