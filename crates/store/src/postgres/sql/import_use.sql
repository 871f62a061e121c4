UPDATE meta SET value = 'used' WHERE name = 'import.state' AND value = 'moved'
