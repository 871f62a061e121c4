SELECT grain, start, subject, rollup FROM rollups WHERE (grain, start, subject) > (?1, ?2, ?3)
ORDER BY grain, start, subject LIMIT ?4
