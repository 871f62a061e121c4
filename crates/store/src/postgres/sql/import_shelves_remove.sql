DELETE FROM shelves USING unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS asked (grain, start, number)
WHERE lane = $1 AND shelves.grain = asked.grain AND shelves.start = asked.start AND shelves.number = asked.number
