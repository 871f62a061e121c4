INSERT INTO totals (link_id, human, bot, other) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (link_id) DO UPDATE SET
    human = human + excluded.human, bot = bot + excluded.bot, other = other + excluded.other
