UPDATE counters SET next = next + $2 WHERE name = $1 AND next <= $3 RETURNING next - $2
