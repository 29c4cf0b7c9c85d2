"""Typed columns of metadata, and filters over them."""
