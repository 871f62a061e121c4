-- Where the server is another one than it was ($1), moves versions and numbers of ids ahead by $2, numbers up to $3 at most, and
-- answers with one row. Of several processes one does: the others wait for its row of meta, and find it changed.
WITH changed AS (
    UPDATE meta SET value = $1 WHERE name = 'timeline' AND value <> $1 RETURNING name
),
ahead AS (
    UPDATE counters SET next = least(next + $2, $3) FROM changed RETURNING next
)
SELECT setval('versions', nextval('versions') + $2) FROM changed
