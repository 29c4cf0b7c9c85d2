"""Public benchmarks: MTEB's retrieval tasks and NanoBEIR, and files of results on them."""
