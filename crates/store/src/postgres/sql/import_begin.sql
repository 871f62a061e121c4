-- A store moves here, unless it has been used here since an earlier move. Answers a row if it may.
INSERT INTO meta (name, value) VALUES ('import.state', 'moving')
ON CONFLICT (name) DO UPDATE SET value = 'moving' WHERE meta.value <> 'used'
RETURNING name
