"""The life of a study: ask, tell, report, optimise, resume."""
