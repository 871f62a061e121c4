DELETE FROM rollups USING unnest($2::bigint[], $3::bigint[]) AS asked (grain, start)
WHERE lane = $1 AND rollups.grain = asked.grain AND rollups.start = asked.start AND subject = $4
