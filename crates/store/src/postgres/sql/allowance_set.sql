-- Sets the limit of a link, or takes it away; what was used stays.
INSERT INTO allowances (bucket, link_id, max_clicks, used) VALUES ($1, $2, $3, 0)
ON CONFLICT (bucket, link_id) DO UPDATE SET max_clicks = excluded.max_clicks
