SELECT version, next_generated, next_custom, trimmed FROM counters
