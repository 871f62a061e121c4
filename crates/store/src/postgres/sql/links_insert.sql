-- Makes links, with their limits and tags. The keys decide who gets an id or a code; a conflict inserts nothing.
WITH made AS (
    INSERT INTO links (
        bucket, id, domain, code, url, url_hash, created_at, updated_at, version, generated, retired, archived,
        redirect_status, forward_query, starts_at, expires_at, max_clicks, title, notes, tags, password_hash,
        expired_url, words
    )
    SELECT
        (id & 4095)::smallint, id, 0, code, url, url_hash, created_at, created_at, coalesce(version, nextval('versions')),
        generated, false, false, redirect_status, forward_query, starts_at, expires_at, max_clicks, title, notes, tags,
        password_hash, expired_url, words::tsvector
    FROM unnest(
        $1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::smallint[],
        $8::boolean[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $20::bigint[]
    ) AS asked (
        id, code, url, url_hash, created_at, generated, redirect_status, forward_query, starts_at, expires_at,
        max_clicks, title, notes, tags, password_hash, expired_url, words, version
    )
    -- A chosen code that looks like a generated one may be one that a node has set aside.
    WHERE generated OR code IS NOT NULL
        OR NOT EXISTS (SELECT FROM leases WHERE asked.id >= leases.first AND asked.id < leases.until)
    ON CONFLICT DO NOTHING
    RETURNING id, version, created_at, max_clicks
),
limited AS (
    INSERT INTO allowances (bucket, link_id, max_clicks, used)
    SELECT (id & 4095)::smallint, id, max_clicks, 0 FROM made WHERE max_clicks IS NOT NULL
),
tagged AS (
    INSERT INTO link_tags (tag, archived, created_at, link_id)
    SELECT tag, false, created_at, id FROM unnest($18::text[], $19::bigint[]) AS asked (tag, id) JOIN made USING (id)
    ON CONFLICT DO NOTHING
    RETURNING tag
),
counted AS (
    INSERT INTO tag_counts (tag, slot, links)
    SELECT tag, pg_backend_pid() % 32, count(*) FROM tagged GROUP BY tag ORDER BY tag
    ON CONFLICT (tag, slot) DO UPDATE SET links = tag_counts.links + excluded.links
)
SELECT id, version FROM made
