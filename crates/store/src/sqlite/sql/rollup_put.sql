INSERT INTO rollups (grain, start, subject, rollup) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (grain, start, subject) DO UPDATE SET rollup = excluded.rollup
