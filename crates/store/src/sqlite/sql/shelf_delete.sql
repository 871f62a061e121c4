DELETE FROM shelves WHERE grain = ?1 AND start = ?2 AND number = ?3
