SELECT count(*) FROM retired
