"""Engines on a server: what they share. Each has a folder of its own beside this one."""
