"""What the engine does in NumPy alone, before the compiled loops are worth being loaded."""
