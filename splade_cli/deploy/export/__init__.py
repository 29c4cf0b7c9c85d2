"""A model as a smaller one, or as a graph that other runtimes execute."""
