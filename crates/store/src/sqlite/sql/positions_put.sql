REPLACE INTO positions (only_row, positions) VALUES (1, ?1)
