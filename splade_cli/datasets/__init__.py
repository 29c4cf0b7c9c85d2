"""Labelled rows and test collections, in every shape that people have them. Needs no torch and no index."""

OF_IR_DATASETS = "irds:"
"""Before an id of ir_datasets, where others have a path."""
