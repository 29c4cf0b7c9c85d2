"""A model or an index taken out of this package: graphs that other runtimes execute. Knows no terminal."""
