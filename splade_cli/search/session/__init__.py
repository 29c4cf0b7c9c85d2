"""The interactive session: a line in, a reply out."""
