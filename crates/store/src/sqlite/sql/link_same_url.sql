-- Candidates for reuse in one part of the index; the newest id first.
SELECT links.id, links.url
FROM link_urls CROSS JOIN links ON links.id = link_urls.link_id
WHERE link_urls.part = ?1 AND link_urls.hash = ?2
ORDER BY link_urls.link_id DESC
