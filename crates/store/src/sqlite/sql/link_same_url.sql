-- Candidates for reuse in one part of the index, which have no end; the newest id first.
SELECT links.id, links.url
FROM link_urls CROSS JOIN links ON links.id = link_urls.link_id
WHERE link_urls.part = ?1 AND link_urls.hash = ?2 AND links.expires_at IS NULL AND links.max_clicks IS NULL
ORDER BY link_urls.link_id DESC
