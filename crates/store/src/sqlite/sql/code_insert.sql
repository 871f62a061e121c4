INSERT INTO codes (domain, code, link_id) VALUES (0, ?1, ?2) ON CONFLICT DO NOTHING
