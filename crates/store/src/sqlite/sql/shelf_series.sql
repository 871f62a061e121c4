-- Steps from period to period that has any shelf, and looks into each for one: never over others.
WITH RECURSIVE periods (start) AS (
    SELECT min(start) FROM shelves WHERE grain = ?1 AND start >= ?2
    UNION ALL
    SELECT (SELECT min(start) FROM shelves WHERE grain = ?1 AND start > periods.start)
    FROM periods WHERE periods.start < ?3
)
SELECT shelves.start, shelves.shelf
FROM periods CROSS JOIN shelves ON shelves.grain = ?1 AND shelves.start = periods.start AND shelves.number = ?4
WHERE periods.start < ?3
