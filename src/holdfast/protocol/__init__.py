"""The governed way from a plan to a number: split, search, choose, estimate, unseal."""
