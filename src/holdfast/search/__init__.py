"""Strategies: pure functions of a history that propose configurations."""
