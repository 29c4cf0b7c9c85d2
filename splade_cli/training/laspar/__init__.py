"""Training of a latent model: its loss and its optimiser."""
