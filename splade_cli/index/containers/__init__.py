"""Containers of arrays: safetensors files that are written in a stream and read from memory maps."""
