"""Retrieval measures: their names, and those that trec_eval does not compute."""
