-- Ids in a lease whose codes were chosen before. OFFSET keeps the plan what it must be: a step down the index for each
-- bucket, however many ids a lease has.
SELECT links.id
FROM generate_series(0, 4095) AS buckets (bucket)
CROSS JOIN LATERAL (
    SELECT id FROM links WHERE links.bucket = buckets.bucket::smallint AND links.id >= $1 AND links.id < $2 OFFSET 0
) AS links
