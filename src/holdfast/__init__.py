"""holdfast: tune hard, report a number that holds."""
