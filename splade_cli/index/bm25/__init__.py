"""BM25: words, their counts, and their search."""
