SELECT tag, links FROM tags ORDER BY tag
