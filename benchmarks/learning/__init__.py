"""What models learn by their defaults, on parts of human collections."""
