SELECT generated FROM retired WHERE id = ?1
