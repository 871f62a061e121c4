DELETE FROM leases WHERE first = ANY($1::bigint[])
