"""Markdown: its grammar, its inline elements, its front matter, and the text that is made of them."""
