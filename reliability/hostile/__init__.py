"""Documents and names that nobody would write by accident."""
