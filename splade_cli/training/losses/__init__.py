"""What a step minimises."""
