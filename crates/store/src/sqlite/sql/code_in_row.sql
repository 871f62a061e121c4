SELECT 1 FROM links INDEXED BY links_by_code WHERE code = ?1
