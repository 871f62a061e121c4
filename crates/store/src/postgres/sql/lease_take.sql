-- Sets ids aside. Whoever runs this has the lock on choosing codes.
WITH taken AS (
    UPDATE counters SET next = next + $1 WHERE name = 'generated' AND next <= $2 RETURNING next - $1 AS first, next AS until
)
INSERT INTO leases (first, until) SELECT first, until FROM taken RETURNING first, nextval('versions')
