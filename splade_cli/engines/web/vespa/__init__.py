"""Vespa over HTTP."""
