"""The optimiser loop: a guarded trainer, its arguments, what ends it early."""
