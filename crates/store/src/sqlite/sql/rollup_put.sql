REPLACE INTO rollups (grain, start, subject, rollup) VALUES (?1, ?2, ?3, ?4)
