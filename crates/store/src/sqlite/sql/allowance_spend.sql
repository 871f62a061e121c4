-- Gives nothing back when all is spent.
INSERT INTO allowances (link_id, used) SELECT ?1, 1 WHERE ?2 > 0
ON CONFLICT (link_id) DO UPDATE SET used = used + 1 WHERE used < ?2
RETURNING used
