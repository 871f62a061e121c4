INSERT INTO shelves (lane, grain, start, number, shelf)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
ON CONFLICT (lane, grain, start, number) DO UPDATE SET shelf = excluded.shelf
