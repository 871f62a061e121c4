INSERT INTO positions (stream, position) VALUES (?1, ?2) ON CONFLICT (stream) DO UPDATE SET position = excluded.position
