"""Training of sparse encoders: rows and documents to a model folder."""
