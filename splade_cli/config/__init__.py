"""Settings: what may be set, and the layers that set it. Knows no model."""
