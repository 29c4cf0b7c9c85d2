"""What happens in a run, to files and services."""
