-- A message is a hint, so its commit is not waited for until it is on disk.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('curtail', payload)
FROM unnest($1::text[]) AS asked (payload)
