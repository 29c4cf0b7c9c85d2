"""Building of a search engine: the stages from a folder of documents to a measured index, resumed, redone."""
