SELECT positions FROM positions
