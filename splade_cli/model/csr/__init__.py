"""CSR: a dense encoder under a sparse autoencoder."""
