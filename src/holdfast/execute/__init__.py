"""Executors: run jobs here or in other processes, and hand back what they say."""
