"""Inspection of training rows: whether they can be read, and what is in them."""
