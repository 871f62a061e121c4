SELECT grain, start, number, shelf FROM shelves WHERE (grain, start, number) > (?1, ?2, ?3)
ORDER BY grain, start, number LIMIT ?4
