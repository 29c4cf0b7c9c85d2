"""Servers of language models that fail, and what `splade gen-data --llm` makes of it."""
