"""Conformance suites for strategies, logs and executors, and toy problems."""
