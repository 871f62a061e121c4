-- clicks.db holds what was counted. Counts and positions change together, in one transaction.

-- The small rollups of neighbouring links together, and with grain 0 their totals. The format is told in
-- shelf.rs. Time comes before the links, so that what is counted now lies on few pages and what is
-- forgotten lies together.
CREATE TABLE shelves (
    grain  INTEGER NOT NULL, -- length of the period in milliseconds; 0 for the lifetime
    start  INTEGER NOT NULL,
    number INTEGER NOT NULL, -- id of its links without the lowest bits
    shelf  BLOB NOT NULL,
    PRIMARY KEY (grain, start, number)
) STRICT, WITHOUT ROWID;

-- Rollups that stand alone, because they are large or not of a link.
CREATE TABLE rollups (
    grain   INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    subject INTEGER NOT NULL, -- id of a link; -1 all links, -2 orphans
    rollup  BLOB NOT NULL,    -- its format belongs to whoever counts
    PRIMARY KEY (grain, start, subject)
) STRICT, WITHOUT ROWID;

-- Unsigned 64-bit numbers, kept as the signed ones with the same bits.
CREATE TABLE positions (
    stream   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
