"""PostgreSQL with the extension pgvector, whose type ``sparsevec`` holds the vectors."""
