"""Qdrant over HTTP."""
