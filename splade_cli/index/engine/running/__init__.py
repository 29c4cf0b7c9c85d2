"""How the compiled loops of a search are run: for one query or many, on one thread or several."""
