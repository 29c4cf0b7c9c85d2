"""Texts of files and folders: read, decoded, and cut into chunks. Needs no torch and no index."""
