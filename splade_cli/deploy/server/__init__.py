"""A search server: HTTP over one searcher of one index folder, and a page to search it with."""
