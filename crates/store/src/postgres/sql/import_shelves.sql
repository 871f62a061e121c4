SELECT grain, start, number, shelf FROM shelves
WHERE lane = $1 AND (grain, start, number) > ($2, $3, $4) AND (grain, start, number) <= ($5, $6, $7)
