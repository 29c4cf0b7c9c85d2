"""Settings of a training run: their schema, and the layers that set them. Loads no model."""
