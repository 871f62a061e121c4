-- search.db is derived from links.db and made anew whenever it is missing, damaged or behind.

-- Up to where it follows which links.db. While it is made anew, scanned is the last id that was taken over; then NULL.
CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    store    BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    scanned  INTEGER
) STRICT;

-- Documents are numbered by time of creation (see document.rs), so that search answers in the order of lists.
CREATE TABLE documents (
    document INTEGER PRIMARY KEY,
    link_id  INTEGER NOT NULL
) STRICT;

-- text: code, url, title and notes. labels: tags and state, each as one token that no text can contain.
CREATE VIRTUAL TABLE words USING fts5 (
    text, labels,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* M* N* Co So'"
);
