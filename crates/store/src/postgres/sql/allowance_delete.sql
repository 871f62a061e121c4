DELETE FROM allowances WHERE bucket = $1 AND link_id = $2
