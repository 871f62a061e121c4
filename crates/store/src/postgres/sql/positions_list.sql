SELECT stream, position FROM streams WHERE position IS NOT NULL
