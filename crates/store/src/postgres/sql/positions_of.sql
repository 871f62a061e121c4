SELECT stream, position FROM streams WHERE stream = ANY ($1::bigint[]) AND position IS NOT NULL
