SELECT max_clicks FROM links WHERE id = ?1
