"""The pictures of the documents: terminals, pages and plots, made again by one command."""
