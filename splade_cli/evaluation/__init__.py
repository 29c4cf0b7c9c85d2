"""Evaluation of retrieval: measures against qrels, significance, costs, systems side by side, reports."""
