"""PDF: the text of pages, without what is printed on each of them, its columns one below the other."""
