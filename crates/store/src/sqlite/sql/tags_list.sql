SELECT tag, links FROM tags WHERE tag > ? ORDER BY tag LIMIT ?
