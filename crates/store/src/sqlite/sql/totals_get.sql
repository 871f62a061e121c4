SELECT human, bot, other FROM totals WHERE link_id = ?1
