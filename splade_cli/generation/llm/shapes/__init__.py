"""Shapes in which models answer although JSON was asked for."""
