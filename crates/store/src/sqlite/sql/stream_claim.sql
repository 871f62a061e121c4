INSERT INTO epochs (stream, epoch) VALUES (?1, 1)
ON CONFLICT (stream) DO UPDATE SET epoch = epoch + 1 RETURNING epoch
