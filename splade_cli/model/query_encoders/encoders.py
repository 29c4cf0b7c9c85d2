"""Old names of what lies in the files beside this one."""

from __future__ import annotations

from splade_cli.model.query_encoders.base import GRAPH, TABLE, QueryEncoder
from splade_cli.model.query_encoders.carried import open_query_encoder
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.tokenizer import REBUILD, TOKENIZER, read_tokenizer, write_tokenizer

__all__ = [
    "GRAPH", "REBUILD", "TABLE", "TOKENIZER", "QueryEncoder", "StaticQueryEncoder", "open_query_encoder",
    "read_tokenizer", "write_tokenizer",
]  # fmt: skip
