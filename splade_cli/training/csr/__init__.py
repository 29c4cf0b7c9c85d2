"""Training of a sparse autoencoder over dense vectors."""
