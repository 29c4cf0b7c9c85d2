"""OceanBase seekdb, whose type ``sparsevector`` holds the vectors; it speaks MySQL's protocol."""
