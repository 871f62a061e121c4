INSERT INTO documents (document, link_id) VALUES (?1, ?2)
