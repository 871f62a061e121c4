SELECT link_id FROM documents WHERE document = ?1
