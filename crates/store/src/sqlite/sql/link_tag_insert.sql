INSERT INTO link_tags (tag, archived, created_at, link_id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING
