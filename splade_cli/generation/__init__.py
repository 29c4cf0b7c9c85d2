"""Chunks to training files: queries, hard negatives, filters, split."""
