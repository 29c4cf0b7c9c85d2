"""The session of `splade query` on a terminal: its prompt and its replies."""
