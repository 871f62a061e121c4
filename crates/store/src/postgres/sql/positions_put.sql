INSERT INTO streams (stream, position, epoch)
SELECT stream, position, 0 FROM unnest($1::bigint[], $2::bigint[]) AS asked (stream, position) ORDER BY stream
ON CONFLICT (stream) DO UPDATE SET position = excluded.position
