"""Files that are damaged or forged: indexes, models, training files, checkpoints, caches."""
