"""Documents to chunks, queries, negatives and training files. Text only: knows no torch, no index."""
