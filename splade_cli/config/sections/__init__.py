"""Sections of the training YAML, one file each; `schema.Config` puts them together."""
