-- clicks.db holds what was counted. Counts and positions change together, in one transaction.

-- Time comes before the subject, so that what is counted now lies on few pages and what is forgotten lies together.
CREATE TABLE rollups (
    grain   INTEGER NOT NULL, -- length of the period in milliseconds
    start   INTEGER NOT NULL,
    subject INTEGER NOT NULL, -- id of a link; -1 all links, -2 orphans
    rollup  BLOB NOT NULL,    -- its format belongs to whoever counts
    PRIMARY KEY (grain, start, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
    link_id INTEGER PRIMARY KEY,
    human   INTEGER NOT NULL,
    bot     INTEGER NOT NULL,
    other   INTEGER NOT NULL
) STRICT;

-- Unsigned 64-bit numbers, kept as the signed ones with the same bits.
CREATE TABLE positions (
    stream   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
