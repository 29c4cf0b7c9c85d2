"""A SPLADE model as other runtimes load it: graphs, what stands beside them, what each loses."""
