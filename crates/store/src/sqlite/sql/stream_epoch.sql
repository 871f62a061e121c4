SELECT epoch FROM epochs WHERE stream = ?1
