INSERT INTO progress (only_row, store, seq, scanned) VALUES (1, ?1, ?2, ?3)
ON CONFLICT (only_row) DO UPDATE SET store = excluded.store, seq = excluded.seq, scanned = excluded.scanned
