"""Export of static queries into an index: the model's table of weights, else the IDF of the indexed texts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splade_cli.model.query_encoders.base import TABLE
from splade_cli.model.query_encoders.frequencies import TokenFrequencies
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, fast_tokenizer, write_tokenizer
from splade_cli.records import QueryInfo

if TYPE_CHECKING:
    from splade_cli.model.embedder import SpladeEmbedder

TOKENIZED_AT_ONCE = 1024


class StaticExport:
    """A `QueryEncoderExport` of a table of token weights.

    Raises:
        ModelError: a model without a fast tokenizer.
    """

    def __init__(self, embedder: SpladeEmbedder) -> None:
        model = embedder.loaded.model
        self._original = embedder.loaded.tokenizer
        self._tokenizer = fast_tokenizer(self._original)
        self._table = model.query_table
        self._frequencies = TokenFrequencies(model.dimensions)
        # An IDF would weigh the prompt's words, rare or none in the corpus, above those of the query.
        self.info = QueryInfo(
            "static",
            max_seq_length=model.query_length,
            max_active=model.max_active,
            weights="corpus idf",
        )
        if self._table is not None:
            self.info = replace(self.info, weights="model", prompt=model.prompts.get("query") or "")

    def count(self, texts: Sequence[str]) -> None:
        """Counts the tokens of texts, to their end, where the model has no table of its own."""
        if self._table is not None:
            return
        for start in range(0, len(texts), TOKENIZED_AT_ONCE):
            some = list(texts[start : start + TOKENIZED_AT_ONCE])
            for encoding in self._tokenizer.encode_batch(some, add_special_tokens=False):
                self._frequencies.add(encoding.ids)

    def write(self, folder: Path) -> None:
        """Writes the tokenizer and the table."""
        table = self._frequencies.idf() if self._table is None else self._table
        write_tokenizer(self._original, folder / TOKENIZER, self.info.max_seq_length)
        content = io.BytesIO()
        np.save(content, table.astype(np.float32))
        (folder / TABLE).write_bytes(content.getvalue())  # np.save would not say why it failed


def export_static(embedder: SpladeEmbedder) -> StaticExport:
    """Static queries of a model. Raises ModelError for a model without a fast tokenizer."""
    return StaticExport(embedder)
