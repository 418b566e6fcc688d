"""What a history can teach: importance, interactions, ablation, and the diagnosis of learning curves."""
