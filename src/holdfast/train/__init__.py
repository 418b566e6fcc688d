"""Model families and their default spaces, and how they learn."""
