"""An index as files for another engine: documents in its own format, its mapping, and how to load them."""
