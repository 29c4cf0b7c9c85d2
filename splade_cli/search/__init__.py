"""Query text to hits with reasons: where model, index and corpus meet. Knows no terminal."""
