"""Tables, roles, splits, preprocessing, fingerprints and the sealed test set."""
