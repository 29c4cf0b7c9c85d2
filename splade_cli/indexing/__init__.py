"""Documents and a model to an index folder."""
