"""Endpoints by what they are about: each parses a request, asks the library once, and answers."""
