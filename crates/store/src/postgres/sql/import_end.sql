UPDATE meta SET value = 'moved' WHERE name = 'import.state'
