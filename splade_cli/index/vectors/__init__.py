"""What is done to vectors before they are stored or searched."""
