"""One protocol over what finds vectors."""
