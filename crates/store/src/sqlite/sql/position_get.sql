SELECT position FROM positions WHERE stream = ?1
