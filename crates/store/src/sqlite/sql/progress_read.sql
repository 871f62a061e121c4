SELECT store, seq, scanned FROM progress
