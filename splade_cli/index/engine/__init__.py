"""Exact top-k over posting lists in blocks."""
