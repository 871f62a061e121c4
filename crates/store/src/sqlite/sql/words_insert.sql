INSERT INTO words (rowid, text, labels) VALUES (?1, ?2, ?3)
