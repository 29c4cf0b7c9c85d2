"""SPLADE: a masked language model under a pooled vocabulary head."""
