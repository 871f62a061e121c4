DELETE FROM tags WHERE tag = ?1 AND links <= 0
