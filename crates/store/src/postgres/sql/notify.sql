SELECT pg_notify('curtail', payload) FROM unnest($1::text[]) AS asked (payload)
