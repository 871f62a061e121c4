INSERT INTO rollups (lane, grain, start, subject, rollup)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
ON CONFLICT (lane, grain, start, subject) DO UPDATE SET rollup = excluded.rollup
