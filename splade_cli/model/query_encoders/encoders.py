"""Query texts to vectors by what an index carries, without its model: neither torch nor transformers is imported.

An index may hold ``query.tokenizer.json`` and either ``query.table.npy``, a weight for each token (kind ``static``),
or ``query.onnx``, the model's own query side as a graph (kind ``onnx``); its manifest holds their settings.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, ModelError
from splade_cli.model.query_encoders.static import inverse_document_frequency, static_rows
from splade_cli.records import QueryInfo

if TYPE_CHECKING:
    from splade_cli.model.embedder import SpladeEmbedder

TOKENIZER, TABLE, GRAPH = "query.tokenizer.json", "query.table.npy", "query.onnx"
TOKENIZED_AT_ONCE = 1024
REBUILD = "make the index again: splade index DOCS -o DIR --force"


class QueryEncoder(Protocol):
    """Texts to CSR float32 [n, V]."""

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors of `texts`, in their order."""


class Attached(NamedTuple):
    """What an index is to carry: `query` for its manifest, `files` by their name in the folder."""

    query: QueryInfo
    files: dict[str, Path]

    def write(self, folder: Path) -> None:
        """Copies the files into the folder of an index's encoder."""
        for name, path in self.files.items():
            shutil.copyfile(path, folder / name)


Attach = Callable[["SpladeEmbedder", Iterable[str], Path], Attached]
"""Called as ``attach(embedder, texts, folder)``: writes files into `folder` from the model and the indexed texts."""


class StaticQueryEncoder:
    """Distinct tokens of a query, each with its weight from a table.

    Args:
        tokenizer_path: a ``tokenizer.json``.
        table: [V].
        max_seq_length: tokens read of a query.
        prompt: text put before a query.
        max_active: keep only so many largest weights of a query, where set.

    Raises:
        IndexFolderError: the tokenizer file cannot be read.
    """

    def __init__(
        self,
        tokenizer_path: Path,
        table: NDArray[np.float32],
        *,
        max_seq_length: int,
        prompt: str = "",
        max_active: int | None = None,
    ) -> None:
        self.tokenizer = read_tokenizer(tokenizer_path, max_seq_length)
        self.table, self.prompt, self.max_active = table, prompt, max_active

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries."""
        found = self.tokenizer.encode_batch([self.prompt + text for text in texts], add_special_tokens=False)
        return static_rows([encoding.ids for encoding in found], self.table, self.max_active)


def read_tokenizer(path: Path, max_seq_length: int | None = None) -> Any:
    """A `tokenizers.Tokenizer` that pads nothing and cuts at `max_seq_length`, on the side that the file names.

    Raises:
        IndexFolderError: a file that is no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise IndexFolderError(f"{path} is no tokenizer ({error})", REBUILD) from None
    side = (tokenizer.truncation or {}).get("direction", "right")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if max_seq_length is not None:
        tokenizer.enable_truncation(max_seq_length, direction=side)
    return tokenizer


def write_tokenizer(tokenizer: Any, path: Path, max_seq_length: int) -> None:
    """Writes a transformers tokenizer for `read_tokenizer`. Raises ModelError where it has no tokenizer.json."""
    backend = copy.deepcopy(getattr(tokenizer, "backend_tokenizer", None))
    if backend is None:
        raise ModelError(
            "the model's tokenizer needs Python code of transformers",
            "let the model encode queries: leave --query out",
        )
    backend.no_padding()
    backend.enable_truncation(max_seq_length, direction=tokenizer.truncation_side)
    backend.save(str(path))


def open_query_encoder(folder: Path, query: QueryInfo | None) -> QueryEncoder | None:
    """The query encoder that an index folder carries, None where it carries none.

    Raises:
        IndexFolderError: a kind that this version does not know, or a damaged file.
    """
    if query is None:
        return None
    if query.kind == "static":
        try:
            table = np.load(folder / TABLE, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise IndexFolderError(f"{folder / TABLE} is no table of weights ({error})", REBUILD) from None
        return StaticQueryEncoder(
            folder / TOKENIZER,
            table,
            max_seq_length=query.max_seq_length,
            prompt=query.prompt,
            max_active=query.max_active,
        )
    if query.kind == "onnx":
        from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder

        return OnnxQueryEncoder(
            folder / GRAPH,
            folder / TOKENIZER,
            max_seq_length=query.max_seq_length,
            prompt=query.prompt,
            max_active=query.max_active,
        )
    raise IndexFolderError(
        f"the index {folder} encodes queries by '{query.kind}', which this splade does not know", REBUILD
    )


def attach_static(embedder: SpladeEmbedder, texts: Iterable[str], folder: Path) -> Attached:
    """A table of query weights: the model's own where it has one, else the IDF of `texts`.

    Raises:
        ModelError: a model without a fast tokenizer.
    """
    tokenizer, model = embedder.loaded.tokenizer, embedder.loaded.model
    write_tokenizer(tokenizer, folder / TOKENIZER, model.query_length)
    own = model.query_table
    if own is None:
        own = inverse_document_frequency(
            _token_ids(read_tokenizer(folder / TOKENIZER), texts), model.dimensions
        )
    np.save(folder / TABLE, own.astype(np.float32))
    query = QueryInfo(
        "static",
        max_seq_length=model.query_length,
        max_active=model.max_active,
        weights="corpus idf",
    )
    if model.query_table is not None:
        # an IDF would weigh the prompt's words, rare or none in the corpus, above those of the query
        query = replace(query, weights="model", prompt=model.prompts.get("query") or "")
    return Attached(query, {name: folder / name for name in (TOKENIZER, TABLE)})


def _token_ids(tokenizer: Any, texts: Iterable[str]) -> Iterator[list[int]]:
    source = iter(texts)
    while batch := list(islice(source, TOKENIZED_AT_ONCE)):
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
            yield encoding.ids
