"""An index on its way to the store of a remote engine."""
