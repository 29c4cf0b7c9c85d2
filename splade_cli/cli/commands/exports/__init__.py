"""Kinds of exports, each called by `commands.export`."""
