INSERT INTO tag_counts (tag, slot, links) SELECT tag, 0, count(*) FROM link_tags GROUP BY tag
