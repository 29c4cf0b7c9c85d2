"""Encoding over many machines: chunks as Parquet, vectors made of them by any number of workers, one index.

write_chunks(documents, "chunks", model)                        one machine
encode_with_ray("chunks", "vectors", model, workers=8)          many: or Spark, or `encode_file`
index_vectors("vectors", "index", model)                        one machine
"""
