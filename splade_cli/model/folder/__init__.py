"""Files of a model folder, which a stranger may have written."""
