-- links.db holds the truth: links, API keys and what must be as durable as they are.

-- What the store was made with: the key and the scheme that give generated codes their meaning.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row, written once in every group of changes. The next ids and the last version are exact: nothing is lost by
-- a restart.
CREATE TABLE counters (
    only_row       INTEGER PRIMARY KEY CHECK (only_row = 1),
    version        INTEGER NOT NULL, -- the change number that was given last
    next_generated INTEGER NOT NULL, -- the next id that becomes a generated code
    next_custom    INTEGER NOT NULL, -- the next n of the ids of custom codes that look like no generated one
    trimmed        INTEGER NOT NULL  -- changes up to this one have been forgotten
) STRICT;
-- 68719476736 << 12 is 2^48, beyond what codes of eight characters could count: no generated id is ever there.
INSERT INTO counters VALUES (1, 0, 0, 68719476736, 0);

CREATE TABLE links (
    id              INTEGER PRIMARY KEY,
    domain          INTEGER NOT NULL,
    code            TEXT,             -- NULL where the code is the one that the id stands for
    url             TEXT NOT NULL,
    url_hash        INTEGER NOT NULL, -- fingerprint of the normal form of url
    url_part        INTEGER NOT NULL, -- which part of link_urls it is in, see there
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    generated       INTEGER NOT NULL, -- 1 where nobody chose the code
    archived        INTEGER NOT NULL,
    redirect_status INTEGER NOT NULL,
    forward_query   INTEGER NOT NULL,
    starts_at       INTEGER,
    expires_at      INTEGER,
    max_clicks      INTEGER,
    title           TEXT,
    notes           TEXT,
    tags            TEXT,             -- each as its length in bytes, a colon and itself
    password_hash   TEXT,
    expired_url     TEXT,
    checksum        INTEGER NOT NULL  -- of the columns that say where the link leads, and when; see row.rs
) STRICT;

-- Lists, by time. Ids follow, as in every index.
CREATE INDEX links_by_time ON links (archived, created_at);

-- Links by the fingerprint of their url. Fingerprints are random, and one index over all of them would rewrite a page
-- for each new link. So it has parts, by the version at which the url was set: only the last one, which is small, is
-- written to; a look-up asks each. It is a table of its own because it is filled in order of fingerprints, once for a
-- whole group of links.
CREATE TABLE link_urls (
    part    INTEGER NOT NULL,
    hash    INTEGER NOT NULL,
    link_id INTEGER NOT NULL,
    PRIMARY KEY (part, hash, link_id)
) STRICT, WITHOUT ROWID;

-- Custom codes that do not have the shape of a generated one. The others are the id itself.
CREATE TABLE codes (
    domain  INTEGER NOT NULL,
    code    TEXT NOT NULL,
    link_id INTEGER NOT NULL,
    PRIMARY KEY (domain, code)
) STRICT, WITHOUT ROWID;

-- Ids of removed links whose codes were generated: nobody may choose such a code, the old one is still out there.
CREATE TABLE retired (
    id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE link_tags (
    tag        TEXT NOT NULL,
    archived   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    link_id    INTEGER NOT NULL,
    PRIMARY KEY (tag, archived, created_at, link_id)
) STRICT, WITHOUT ROWID;

-- How many links have a tag, kept with them so that nobody has to count.
CREATE TABLE tags (
    tag   TEXT PRIMARY KEY,
    links INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many of its max_clicks a link has given. Every link that has had a limit has a row: one that is missing was lost.
CREATE TABLE allowances (
    link_id  INTEGER PRIMARY KEY,
    used     INTEGER NOT NULL,
    checksum INTEGER NOT NULL -- of both; see links/allowance.rs
) STRICT;

CREATE TABLE idempotency (
    key        BLOB PRIMARY KEY,
    request    BLOB NOT NULL,
    link_id    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- The feed of changes, in order: links with first_id <= id <= last_id were made, changed or removed up to version seq.
-- removed_created_at is the time of creation of a link that was removed, because its row can no longer tell.
CREATE TABLE changes (
    seq                INTEGER PRIMARY KEY,
    first_id           INTEGER NOT NULL,
    last_id            INTEGER NOT NULL,
    removed_created_at INTEGER
) STRICT;

CREATE TABLE api_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    scopes     TEXT NOT NULL, -- as links.tags
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
