-- clicks.db holds what was counted. Counts and positions change together, in one transaction. Every row ends with a
-- checksum, see sqlite/rollups/checksum.rs.

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
    rollup  BLOB NOT NULL,    -- its format belongs to whoever counts; then the checksum
    PRIMARY KEY (grain, start, subject)
) STRICT, WITHOUT ROWID;

-- Up to where each stream of the log has been counted: one row, see sqlite/rollups/positions.rs.
CREATE TABLE positions (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    positions BLOB NOT NULL
) STRICT;
-- No stream, and the checksum of that.
INSERT INTO positions VALUES (1, x'0576343a');
