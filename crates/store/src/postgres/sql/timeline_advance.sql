-- Where the row $1 of meta says another thing than $2, moves versions and numbers of ids ahead by $3, numbers up to $4 at most, and
-- answers with one row. Of several processes one does: the others wait for the row of meta, and find it changed.
WITH changed AS (
    UPDATE meta SET value = $2 WHERE name = $1 AND value <> $2 RETURNING name
),
ahead AS (
    UPDATE counters SET next = least(next + $3, $4) FROM changed RETURNING next
)
SELECT setval('versions', nextval('versions') + $3) FROM changed
