SELECT (SELECT count(*) FROM shelves) + (SELECT count(*) FROM rollups)
