-- No number that the other store has given is given again.
WITH generated AS (UPDATE counters SET next = greatest(next, $1) WHERE name = 'generated'),
custom AS (UPDATE counters SET next = greatest(next, $2) WHERE name = 'custom')
SELECT
    setval('versions', greatest((SELECT last_value FROM versions), $3)),
    setval(pg_get_serial_sequence('api_keys', 'id'), greatest((SELECT coalesce(max(id), 0) FROM api_keys), 1))
