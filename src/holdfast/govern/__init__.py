"""What an auditor asks for, from the log alone: the model card and its like."""
