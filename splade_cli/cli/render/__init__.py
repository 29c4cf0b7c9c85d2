"""All printing."""
