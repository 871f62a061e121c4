SELECT used FROM allowances WHERE link_id = ?1
