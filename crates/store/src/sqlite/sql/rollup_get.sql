SELECT rollup FROM rollups WHERE grain = ?1 AND start = ?2 AND subject = ?3
