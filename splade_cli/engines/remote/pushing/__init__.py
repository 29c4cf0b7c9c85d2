"""An index into a store: rows written and deleted, one push at a time, and what is found compared."""
