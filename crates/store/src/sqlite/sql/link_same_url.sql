-- Candidates for reuse in one part of the index; the newest id first.
SELECT id, url FROM links WHERE url_part = ?1 AND url_hash = ?2 AND archived = 0 ORDER BY id DESC
