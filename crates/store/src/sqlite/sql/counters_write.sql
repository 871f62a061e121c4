UPDATE counters SET version = ?1, next_generated = ?2, next_custom = ?3, trimmed = ?4
