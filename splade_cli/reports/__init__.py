"""Reports as they are read: paragraphs, plots and tables as one HTML page, as Markdown, as JSON."""
