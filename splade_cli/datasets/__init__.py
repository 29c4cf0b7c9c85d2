"""Labelled rows and collections, in every shape that users have them. Knows no torch, no index."""
