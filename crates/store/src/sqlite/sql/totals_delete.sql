DELETE FROM totals WHERE link_id = ?1
