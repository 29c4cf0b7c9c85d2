"""Comparison of saved evaluations, without measuring anything again."""
