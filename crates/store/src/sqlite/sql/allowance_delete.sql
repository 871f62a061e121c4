DELETE FROM allowances WHERE link_id = ?1
