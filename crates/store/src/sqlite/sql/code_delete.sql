DELETE FROM codes WHERE domain = 0 AND code = ?1
