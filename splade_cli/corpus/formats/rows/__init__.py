"""Rows of a table of texts, in JSON, JSONL, CSV and TSV, each of them a document."""
