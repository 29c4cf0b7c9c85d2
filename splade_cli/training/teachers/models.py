"""A teacher's name to its scores of rows' documents and of a background of others; knows no scale and no label.

Cross-encoders keep a score for each pair, encoders a vector for each text; BM25 is computed anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, ModelError, did_you_mean
from splade_cli.index.bm25.search import Bm25
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Example
from splade_cli.training.teachers.kept import Kept

BACKGROUND = 4096
PAIRS = 256
WINDOW = 256
BLOCK = 128
KINDS = ("cross-encoder", "dense", "sparse", "bm25")
Scores = NDArray[np.float64]


def kind_of(name: str) -> tuple[str, str]:
    """The kind of a teacher and the name of its model.

    ``bm25``; ``cross-encoder:NAME``, ``dense:NAME``, ``sparse:NAME``; or NAME alone, whose kind its folder or
    repository tells: `model_type` and modules of sentence-transformers, else the architecture in config.json.

    Raises:
        InputError: a kind without a name. ModelError: no such model, or one whose kind cannot be told.
    """
    kind, colon, source = name.partition(":")
    if name == "bm25":
        return name, ""
    if colon and kind in KINDS:
        if not source or kind == "bm25":
            raise InputError(
                f"'{name}' is no teacher", "bm25, or cross-encoder:NAME, dense:NAME, sparse:NAME"
            )
        return kind, source
    from splade_cli.model.dense import PACKAGED
    from splade_cli.model.hub import read_json, require_hub
    from splade_cli.model.load import resolve

    if name in PACKAGED:
        return "dense", name
    try:
        source = resolve(name)
    except ModelError as error:
        raise ModelError(
            error.message, did_you_mean(name, ("bm25", "tiny", *PACKAGED)) or error.hint
        ) from None
    require_hub(source, None)
    outer = read_json(source, "config_sentence_transformers.json") or {}
    modules = read_json(source, "modules.json")
    said = {"CrossEncoder": "cross-encoder", "SparseEncoder": "sparse"}.get(outer.get("model_type", ""))
    if said or modules is not None:
        types = [str(module.get("type", "")) for module in modules or []]
        of_ours = any("parse" in part or "Splade" in part or part.startswith("splade_cli.") for part in types)
        return said or ("sparse" if of_ours else "dense"), source
    heads = (read_json(source, "config.json") or {}).get("architectures") or [""]
    for ending, found in (
        ("ForSequenceClassification", "cross-encoder"),
        ("ForMaskedLM", "sparse"),
        ("Model", "dense"),
    ):
        if heads[0].endswith(ending):
            return found, source
    raise ModelError(
        f"cannot tell what kind of teacher {name} is ({heads[0] or 'its config names no architecture'})",
        f"say so: cross-encoder:{name}, dense:{name} or sparse:{name}",
    )


Done = Callable[[int, int], None]
Judged = Iterator[tuple[Scores, Scores]]
Item = tuple[str, str]
"""(query, document) for a cross-encoder, (kind, text) for an encoder."""


class Judge(Protocol):
    """A teacher: `learn` computes what is not kept yet and counts it, `judge` gives (own [n], background [m]) a row."""

    def learn(self, rows: Sequence[Example], done: Done) -> dict[str, int]: ...
    def judge(self, rows: Sequence[Example]) -> Judged: ...


@contextmanager
def judging(
    kind: str, source: str, documents: Sequence[str], cache: Path, batch_size: int, options: dict[str, Any]
) -> Iterator[Judge]:
    """The teacher of a kind and a source, its cache open; `documents` are all that the rows know."""
    if kind == "bm25":
        yield _WordJudge(documents)
        return
    with Kept.of(cache, kind, source) as kept:
        if kind == "cross-encoder":
            yield _PairJudge(source, kept, documents, batch_size, options)
        else:
            model = (
                _DenseVectors(source, batch_size, options)
                if kind == "dense"
                else _SparseVectors(source, batch_size, options)
            )
            yield _VectorJudge(model, kept, documents)


def _learn(
    kept: Kept, items: Iterable[Item], compute: Callable[[Sequence[Item]], list[bytes]], done: Done
) -> dict[str, int]:
    """Computes the items that are not kept, longest first, a window at a time."""
    every = list(dict.fromkeys(items))
    missing = [item for item in every if _key(item) not in kept]
    missing.sort(key=lambda item: -len(item[0]) - len(item[1]))
    reused = len(every) - len(missing)
    for start in range(0, len(missing), WINDOW):
        window = missing[start : start + WINDOW]
        kept.add(zip(map(_key, window), compute(window), strict=True))
        done(reused + start + len(window), len(every))
    return {"computed": len(missing), "reused": reused}


class _WordJudge:
    """BM25, which depends on all documents at once and costs little: not kept."""

    def __init__(self, documents: Sequence[str]) -> None:
        self._rows = {text: row for row, text in enumerate(documents)}
        self._drawn = [self._rows[text] for text in _drawn(documents)]
        self._index = Bm25(documents)

    def learn(self, rows: Sequence[Example], done: Done) -> dict[str, int]:
        return {}

    def judge(self, rows: Sequence[Example]) -> Judged:
        for row in rows:
            found, scores = self._index.search([row.query], k=len(self._rows))
            every = np.zeros(len(self._rows))
            every[found[found >= 0]] = scores[found >= 0]
            yield every[[self._rows[text] for text in documents_of(row)]], every[self._drawn]


class _PairJudge:
    """A cross-encoder; keeps a float32 for each pair."""

    def __init__(
        self, source: str, kept: Kept, documents: Sequence[str], batch_size: int, options: dict[str, Any]
    ) -> None:
        self._source, self._kept, self._documents = source, kept, documents
        self._batch_size, self._options = batch_size, options

    @cached_property
    def _model(self) -> Any:
        from splade_cli.model.crossencoder import CrossEncoderModel
        from splade_cli.model.options import ModelOptions

        return CrossEncoderModel(self._source, ModelOptions(**self._options))

    def learn(self, rows: Sequence[Example], done: Done) -> dict[str, int]:
        own = ((row.query, text) for row in rows for text in documents_of(row))
        return _learn(self._kept, [*own, *self._random(rows)], self._compute, done)

    def judge(self, rows: Sequence[Example]) -> Judged:
        background = self._read(self._random(rows))
        for row in rows:
            yield self._read([(row.query, text) for text in documents_of(row)]), background

    def _compute(self, window: Sequence[Item]) -> list[bytes]:
        return [score.tobytes() for score in self._model.scores(window, self._batch_size)]

    def _read(self, pairs: Sequence[Item]) -> Scores:
        return np.frombuffer(b"".join(self._kept[_key(pair)] for pair in pairs), dtype=np.float32).astype(
            np.float64
        )

    def _random(self, rows: Sequence[Example]) -> list[Item]:
        drawn = random.Random(0)
        pairs = ((drawn.choice(rows), drawn.choice(self._documents)) for _ in range(PAIRS))
        return [(row.query, text) for row, text in pairs if text not in documents_of(row)]


class _Vectors(Protocol):
    """An encoder whose vectors can be kept: `pack` encodes, `unpack` gives back a matrix [n, d], dense or CSR."""

    def pack(self, texts: Sequence[str], kind: str) -> list[bytes]: ...
    def unpack(self, kept: Sequence[bytes]) -> Any: ...


class _VectorJudge:
    """An encoder of one text at a time; keeps the vector of each text. A score is the product of two."""

    def __init__(self, model: _Vectors, kept: Kept, documents: Sequence[str]) -> None:
        self._model, self._kept, self._drawn = model, kept, _drawn(documents)

    def learn(self, rows: Sequence[Example], done: Done) -> dict[str, int]:
        queries = [("query", row.query) for row in rows]
        texts = [("document", text) for row in rows for text in documents_of(row)]
        return _learn(
            self._kept, [*queries, *texts, *(("document", text) for text in self._drawn)], self._compute, done
        )

    def judge(self, rows: Sequence[Example]) -> Judged:
        background = self._read("document", self._drawn).T
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            texts = list(dict.fromkeys(text for row in block for text in documents_of(row)))
            column = {text: number for number, text in enumerate(texts)}
            queries = self._read("query", [row.query for row in block])
            own, others = _plain(queries @ self._read("document", texts).T), _plain(queries @ background)
            for place, row in enumerate(block):
                yield own[place, [column[text] for text in documents_of(row)]], others[place]

    def _compute(self, window: Sequence[Item]) -> list[bytes]:
        packed: dict[Item, bytes] = {}
        for kind in ("query", "document"):
            items = [item for item in window if item[0] == kind]
            if items:
                packed |= zip(items, self._model.pack([text for _, text in items], kind), strict=True)
        return [packed[item] for item in window]

    def _read(self, kind: str, texts: Sequence[str]) -> Any:
        return self._model.unpack([self._kept[_key((kind, text))] for text in texts])


class _DenseVectors:
    """A dense model's vectors, compared as its folder says: by cosine, or by dot product."""

    def __init__(self, source: str, batch_size: int, options: dict[str, Any]) -> None:
        from splade_cli.model.dense import resolve_dense
        from splade_cli.model.hub import read_json

        self._source, self._batch_size = source, batch_size
        self._options = {key: value for key, value in options.items() if key != "allow_pickle"}
        outer = read_json(resolve_dense(source), "config_sentence_transformers.json") or {}
        self._similarity = outer.get("similarity_fn_name") or "cosine"
        if self._similarity not in ("cosine", "dot"):
            raise ModelError(
                f"{source} compares by '{self._similarity}'", "a teacher compares by cosine or dot"
            )

    @cached_property
    def _model(self) -> Any:
        from splade_cli.model.dense import DenseModel
        from splade_cli.model.options import ModelOptions

        return DenseModel(self._source, ModelOptions(**self._options))

    def pack(self, texts: Sequence[str], kind: str) -> list[bytes]:
        vectors = self._model.encode(texts, kind, batch_size=self._batch_size)
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self._source} gave a vector that is not finite", "use another dense model")
        return [vector.tobytes() for vector in vectors]

    def unpack(self, kept: Sequence[bytes]) -> Any:
        vectors = np.frombuffer(b"".join(kept), dtype=np.float32).reshape(len(kept), -1)
        if self._similarity == "dot":
            return vectors
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class _SparseVectors:
    """A sparse encoder's vectors, in float32 so that they serve any device, compared by dot product."""

    def __init__(self, source: str, batch_size: int, options: dict[str, Any]) -> None:
        self._embedder = SpladeEmbedder(source, precision="fp32", batch_size=batch_size, **options)

    def pack(self, texts: Sequence[str], kind: str) -> list[bytes]:
        rows = self._embedder.encode(texts, kind)
        width = np.array([rows.shape[1]], dtype=np.int32).tobytes()
        bounds = list(pairwise(rows.indptr))
        return [
            width + rows.indices[i:j].astype(np.int32).tobytes() + rows.data[i:j].tobytes() for i, j in bounds
        ]

    def unpack(self, kept: Sequence[bytes]) -> Any:
        parts = [np.frombuffer(one, dtype=np.int32) for one in kept]
        bounds = np.cumsum([0, *((len(part) - 1) // 2 for part in parts)])
        columns = [part[1 : 1 + len(part) // 2] for part in parts]
        values = [part[1 + len(part) // 2 :].view(np.float32) for part in parts]
        shape = (len(parts), int(parts[0][0]))
        return sp.csr_matrix((np.concatenate(values), np.concatenate(columns), bounds), shape=shape)


def documents_of(row: Example) -> tuple[str, ...]:
    """The row's documents, positive first."""
    return (row.positive, *row.negatives)


def _key(item: Item) -> bytes:
    first, second = (part.encode("utf-8", "surrogatepass") for part in item)
    return blake2b(len(first).to_bytes(8, "little") + first + second, digest_size=16).digest()


def _drawn(documents: Sequence[str]) -> list[str]:
    """The background: documents with the smallest hashes, which stay the same ones when a few rows are added."""
    return sorted(documents, key=lambda text: _key(("", text)))[:BACKGROUND]


def _plain(product: Any) -> Scores:
    return np.asarray(product.toarray() if sp.issparse(product) else product, dtype=np.float64)
