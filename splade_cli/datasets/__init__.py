"""Labelled rows and test collections, in every shape that people have them. Needs no torch and no index."""
