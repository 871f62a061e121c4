INSERT INTO streams (stream, epoch) SELECT stream, 1 FROM unnest($1::bigint[]) AS asked (stream) ORDER BY stream
ON CONFLICT (stream) DO UPDATE SET epoch = streams.epoch + 1
RETURNING stream, position, epoch
