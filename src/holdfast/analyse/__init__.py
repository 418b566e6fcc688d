"""What a history can teach: importance, interactions, ablation, the diagnosis of curves, and where they are going."""
