"""Documents to training files, training files to a model. Knows no terminal."""
