"""Figures and pages, from the log alone."""
