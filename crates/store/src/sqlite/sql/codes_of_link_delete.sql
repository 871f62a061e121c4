DELETE FROM codes WHERE link_id = ?1
