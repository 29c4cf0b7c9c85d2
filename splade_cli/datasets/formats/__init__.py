"""File formats of test collections: TREC and BEIR."""
