"""Fault injection: what the commands do when they are killed, starved, lied to, or handed damaged files."""
