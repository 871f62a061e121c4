DELETE FROM shelves USING unnest($2::bigint[], $3::bigint[]) AS asked (grain, start)
WHERE lane = $1 AND shelves.grain = asked.grain AND shelves.start = asked.start AND number = $4
