DELETE FROM changes WHERE seq <= ?1
