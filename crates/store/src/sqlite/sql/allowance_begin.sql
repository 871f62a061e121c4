-- Keeps what is there: a limit that is set again goes on from what was used.
INSERT INTO allowances (link_id, used, checksum) VALUES (?1, ?2, ?3) ON CONFLICT (link_id) DO NOTHING
