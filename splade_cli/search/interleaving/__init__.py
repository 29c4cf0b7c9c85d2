"""Two searchers compared in use: their hits in one list, and which of them people prefer."""
