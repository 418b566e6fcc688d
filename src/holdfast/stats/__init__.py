"""Bootstrap, bias correction, intervals: numpy arrays in, numbers out."""
