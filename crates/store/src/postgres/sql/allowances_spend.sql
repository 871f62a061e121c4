-- Takes clicks of many links, of each as many as are asked for and left. They are asked for in order, and so the rows are
-- locked in order: two groups never wait for each other.
WITH locked AS (
    SELECT
        allowances.bucket, allowances.link_id, allowances.max_clicks,
        greatest(least(asked.clicks, allowances.max_clicks - allowances.used), 0) AS granted
    FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS asked (bucket, link_id, clicks)
    CROSS JOIN LATERAL (
        SELECT * FROM allowances
        WHERE allowances.bucket = asked.bucket AND allowances.link_id = asked.link_id
            AND allowances.max_clicks IS NOT NULL
        FOR UPDATE
    ) AS allowances
)
UPDATE allowances SET used = allowances.used + locked.granted
FROM locked
WHERE allowances.bucket = locked.bucket AND allowances.link_id = locked.link_id
RETURNING allowances.link_id, locked.granted, allowances.max_clicks - allowances.used
