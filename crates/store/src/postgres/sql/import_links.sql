-- Takes links from another store, as they are there, however often they come. Limits and tags go with them.
WITH asked AS (
    SELECT * FROM unnest(
        $1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::smallint[],
        $8::boolean[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $18::bigint[], $19::bigint[], $20::boolean[], $21::bigint[]
    ) AS asked (
        id, code, url, url_hash, created_at, generated, redirect_status, forward_query, starts_at, expires_at,
        max_clicks, title, notes, tags, password_hash, expired_url, words, updated_at, version, archived, used
    )
),
limited AS (
    INSERT INTO allowances (bucket, link_id, max_clicks, used)
    SELECT (id & 4095)::smallint, id, max_clicks, used FROM asked WHERE used IS NOT NULL
    ON CONFLICT (bucket, link_id) DO UPDATE SET max_clicks = excluded.max_clicks, used = excluded.used
)
INSERT INTO links (
    bucket, id, domain, code, url, url_hash, created_at, updated_at, version, generated, retired, archived,
    redirect_status, forward_query, starts_at, expires_at, max_clicks, title, notes, tags, password_hash,
    expired_url, words
)
SELECT
    (id & 4095)::smallint, id, 0, code, url, url_hash, created_at, updated_at, version, generated, false, archived,
    redirect_status, forward_query, starts_at, expires_at, max_clicks, title, notes, tags, password_hash,
    expired_url, words::tsvector
FROM asked
ON CONFLICT (bucket, id) DO UPDATE SET
    code = excluded.code, url = excluded.url, url_hash = excluded.url_hash, created_at = excluded.created_at,
    updated_at = excluded.updated_at, version = excluded.version, generated = excluded.generated,
    retired = excluded.retired, archived = excluded.archived, redirect_status = excluded.redirect_status,
    forward_query = excluded.forward_query, starts_at = excluded.starts_at, expires_at = excluded.expires_at,
    max_clicks = excluded.max_clicks, title = excluded.title, notes = excluded.notes, tags = excluded.tags,
    password_hash = excluded.password_hash, expired_url = excluded.expired_url, words = excluded.words
