"""Checks before the first fit: what would make a score too good, or a role too small, each a named finding."""
