-- How streams are, until the end of the transaction: nobody claims or moves them meanwhile.
SELECT stream, position, epoch FROM streams WHERE stream = ANY ($1::bigint[]) ORDER BY stream FOR SHARE
