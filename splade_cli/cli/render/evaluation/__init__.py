"""Figures of an evaluation on a terminal."""
