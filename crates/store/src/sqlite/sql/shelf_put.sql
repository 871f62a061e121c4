-- Replacing costs one step down the tree; ON CONFLICT would look first and then take the old row apart.
REPLACE INTO shelves (grain, start, number, shelf) VALUES (?1, ?2, ?3, ?4)
