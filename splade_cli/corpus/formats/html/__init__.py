"""HTML: the content of a page, the text of an element, and how deep elements may nest."""
