"""The index folder: segments, manifest, writers."""
