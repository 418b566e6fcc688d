"""From row scores to a corrected estimate with an interval."""
