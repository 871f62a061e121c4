SELECT stream, position FROM positions
