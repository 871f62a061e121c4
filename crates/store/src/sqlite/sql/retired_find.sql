SELECT 1 FROM retired WHERE id = ?1
