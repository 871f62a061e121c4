INSERT INTO tags (tag, links) VALUES (?1, ?2) ON CONFLICT (tag) DO UPDATE SET links = links + excluded.links
