"""LASPAR: a transformer under a latent head."""
