-- Links whose words and labels match ?1, after the document ?2.
SELECT documents.link_id, documents.document
FROM words JOIN documents ON documents.document = words.rowid
WHERE words MATCH ?1 AND words.rowid < ?2
ORDER BY words.rowid DESC LIMIT ?3
