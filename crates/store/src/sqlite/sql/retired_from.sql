SELECT min(id) FROM retired WHERE id >= ?1
