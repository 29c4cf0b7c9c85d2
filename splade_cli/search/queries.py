"""Query texts to vectors by what an index carries, without its model: neither torch nor transformers is imported.

An index may hold ``query.tokenizer.json`` and either ``query.table.npy``, a weight for each token (kind ``static``),
or ``query.onnx``, the model's own query side as a graph (kind ``onnx``); its manifest holds their settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, ModelError
from splade_cli.model.static import inverse_document_frequency, static_rows

if TYPE_CHECKING:
    from splade_cli.search.encoder import SpladeEmbedder

TOKENIZER, TABLE, GRAPH = "query.tokenizer.json", "query.table.npy", "query.onnx"
TOKENIZED_AT_ONCE = 1024


class QueryEncoder(Protocol):
    """Texts to CSR float32 [n, V]."""

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors of `texts`, in their order."""


class Attached(NamedTuple):
    """What an index is to carry: `query` for its manifest, `files` by their name in the folder."""

    query: dict[str, Any]
    files: dict[str, Path]


Attach = Callable[["SpladeEmbedder", Iterable[str], Path], Attached]
"""Called as ``attach(embedder, texts, folder)``: writes files into `folder` from the model and the indexed texts."""


class StaticQueryEncoder:
    """Distinct tokens of a query, each with its weight from a table.

    Args:
        tokenizer_path: a ``tokenizer.json``.
        table: [V].
        max_seq_length: tokens read of a query.
        prompt: text put before a query.

    Raises:
        IndexFolderError: the tokenizer file cannot be read.
    """

    def __init__(
        self, tokenizer_path: Path, table: NDArray[np.float32], *, max_seq_length: int, prompt: str = ""
    ) -> None:
        self.tokenizer = read_tokenizer(tokenizer_path)
        self.tokenizer.enable_truncation(max_seq_length)
        self.table, self.prompt = table, prompt

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries."""
        found = self.tokenizer.encode_batch([self.prompt + text for text in texts], add_special_tokens=False)
        return static_rows([encoding.ids for encoding in found], self.table)


def read_tokenizer(path: Path) -> Any:
    """A `tokenizers.Tokenizer` that neither pads nor cuts. Raises IndexFolderError for a file that is none."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise IndexFolderError(
            f"{path} is no tokenizer ({error})", "make the index again: splade index DOCS -o DIR --force"
        ) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def open_query_encoder(folder: Path, query: dict[str, Any] | None) -> QueryEncoder | None:
    """The query encoder that an index folder carries, None where it carries none.

    Raises:
        IndexFolderError: a kind that this version does not know, or a damaged file.
    """
    if query is None:
        return None
    kind, limit, prompt = query.get("kind"), int(query.get("max_seq_length", 512)), query.get("prompt", "")
    if kind == "static":
        table = np.load(folder / TABLE, allow_pickle=False)
        return StaticQueryEncoder(folder / TOKENIZER, table, max_seq_length=limit, prompt=prompt)
    if kind == "onnx":
        from splade_cli.search.query_onnx import OnnxQueryEncoder

        return OnnxQueryEncoder(
            folder / GRAPH, folder / TOKENIZER, max_seq_length=limit, prompt=prompt, max_active=query.get("max_active")
        )
    raise IndexFolderError(f"the index {folder} encodes queries by '{kind}', which this splade does not know", "")


def attach_static(embedder: SpladeEmbedder, texts: Iterable[str], folder: Path) -> Attached:
    """A table of query weights: the model's own where it has one, else the IDF of `texts`.

    Raises:
        ModelError: a model without a fast tokenizer.
    """
    tokenizer, model = embedder.loaded.tokenizer, embedder.loaded.model
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"{model.name} has no tokenizer.json, static queries need one", "leave --query out")
    backend.save(str(folder / TOKENIZER))
    own = model.query_table
    if own is None:
        own = inverse_document_frequency(_token_ids(read_tokenizer(folder / TOKENIZER), texts), model.dimensions)
    np.save(folder / TABLE, own.astype(np.float32))
    query = {
        "kind": "static",
        "weights": "model" if model.query_table is not None else "corpus idf",
        "max_seq_length": model.max_seq_length,
        "prompt": model.prompts.get("query") or "",
    }
    return Attached(query, {name: folder / name for name in (TOKENIZER, TABLE)})


def _token_ids(tokenizer: Any, texts: Iterable[str]) -> Iterator[list[int]]:
    source = iter(texts)
    while batch := list(islice(source, TOKENIZED_AT_ONCE)):
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
            yield encoding.ids
