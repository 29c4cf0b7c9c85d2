"""Engines that speak HTTP and JSON: bodies of requests as pure functions, and the stores that send them.

The bodies alone are what `splade export` writes to files, for those who load by themselves.
"""
