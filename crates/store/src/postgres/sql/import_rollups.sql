SELECT grain, start, subject, rollup FROM rollups
WHERE lane = $1 AND (grain, start, subject) > ($2, $3, $4) AND (grain, start, subject) <= ($5, $6, $7)
