DELETE FROM rollups USING unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS asked (grain, start, subject)
WHERE lane = $1 AND rollups.grain = asked.grain AND rollups.start = asked.start AND rollups.subject = asked.subject
