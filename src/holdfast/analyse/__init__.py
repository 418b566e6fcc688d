"""What a history can teach: the diagnosis of learning curves."""
