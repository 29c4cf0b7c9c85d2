"""Sparse vectors to an index that can be searched, kept and opened again. NumPy and SciPy: knows no torch, no
model."""
