"""Which rows go into which batch."""
