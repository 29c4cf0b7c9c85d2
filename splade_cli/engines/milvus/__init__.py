"""Milvus, as a server or as the embedded milvus-lite."""
