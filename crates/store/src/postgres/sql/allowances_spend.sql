-- Takes clicks of many links, of each as many as are asked for and left. Rows are locked in order, so that two groups
-- never wait for each other.
WITH locked AS (
    SELECT
        allowances.bucket, allowances.link_id, allowances.max_clicks,
        greatest(least(asked.clicks, allowances.max_clicks - allowances.used), 0) AS granted
    FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS asked (bucket, link_id, clicks)
    JOIN allowances ON allowances.bucket = asked.bucket AND allowances.link_id = asked.link_id
    WHERE allowances.max_clicks IS NOT NULL
    ORDER BY allowances.bucket, allowances.link_id
    FOR UPDATE OF allowances
)
UPDATE allowances SET used = allowances.used + locked.granted
FROM locked
WHERE allowances.bucket = locked.bucket AND allowances.link_id = locked.link_id
RETURNING allowances.link_id, locked.granted, allowances.max_clicks - allowances.used
