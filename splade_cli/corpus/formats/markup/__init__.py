"""Markup languages other than Markdown: reStructuredText, AsciiDoc, Org, LaTeX and XML."""
