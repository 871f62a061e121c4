-- How often each stream has been taken over: who counts by an older epoch has been replaced.
CREATE TABLE epochs (
    stream INTEGER PRIMARY KEY,
    epoch  INTEGER NOT NULL
) STRICT;
