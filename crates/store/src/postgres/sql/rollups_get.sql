SELECT asked.place, rollups.rollup
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS asked (grain, start, subject, place)
CROSS JOIN LATERAL (
    SELECT rollup FROM rollups
    WHERE lane = $1 AND rollups.grain = asked.grain AND rollups.start = asked.start AND rollups.subject = asked.subject
    LIMIT 1
) AS rollups
