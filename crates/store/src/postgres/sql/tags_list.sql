SELECT tag, sum(links)::bigint FROM tag_counts WHERE tag > $1 GROUP BY tag HAVING sum(links) > 0 ORDER BY tag LIMIT $2
