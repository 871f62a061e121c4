-- The epochs of streams, which nobody raises until the end of the transaction.
SELECT stream, epoch FROM streams WHERE stream = ANY ($1::bigint[]) ORDER BY stream FOR SHARE
