"""Search spaces: hyperparameters, conditions, and their encoding in the unit cube."""
