-- Takes a link from the index by url, unless its fingerprint is the one it shall have (?2, where there is one).
DELETE FROM link_urls
WHERE part = (SELECT url_part FROM links WHERE id = ?1) AND hash = (SELECT url_hash FROM links WHERE id = ?1)
    AND link_id = ?1 AND (?2 IS NULL OR hash <> ?2)
