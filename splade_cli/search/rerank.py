"""The best hits of a fast search in, the same ordered by a cross-encoder out; the model is loaded when first needed.

A cross-encoder reads query and text together, some thousand times slower than a search of an index, so it sees only
the first few [Nogueira and Cho 2019, arXiv 1901.04085]. What it does not see is no result: its scores and those of the
search before it have no common scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import require_positive
from splade_cli.index.engine.ranking import Ranking as RowRanking
from splade_cli.records import Ranking

if TYPE_CHECKING:
    from splade_cli.model.crossencoder import CrossEncoderModel

TOP = 50
Judge = Callable[[Sequence[tuple[str, str]]], NDArray[np.float32]]
"""``judge([(query, text), ...])`` -> float32 scores, larger is better."""


@dataclass
class Reranker:
    """A cross-encoder by name, as a `Judge`.

    Attributes:
        name: a folder or a hub id of any sentence-transformers CrossEncoder with one score a pair.
        batch_size: pairs in a forward pass.
        options: ``device``, ``max_seq_length``, ``trust_remote_code``, ``allow_pickle`` of `CrossEncoderModel`.
    """

    name: str
    batch_size: int = 32
    options: dict[str, Any] = field(default_factory=dict)
    _model: CrossEncoderModel | None = field(default=None, repr=False)

    @property
    def model(self) -> CrossEncoderModel:
        """The loaded model. Raises ModelError where there is none that gives one score a pair."""
        if self._model is None:
            from splade_cli.model.crossencoder import CrossEncoderModel
            from splade_cli.model.options import ModelOptions

            self._model = CrossEncoderModel(self.name, ModelOptions(**self.options))
        return self._model

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Raw scores (logits) float32 [len(pairs)]."""
        return self.model.scores(pairs, self.batch_size)


def reranked(
    queries: Sequence[str], ranking: Ranking, content_of: Mapping[str, str], cross_encoder: Judge
) -> Ranking:
    """Orders each ranking anew by a cross-encoder; equal scores keep the order that they came in.

    Args:
        queries: q texts.
        ranking: what is to be read; it costs a forward pass a text.
        content_of: what the cross-encoder reads of each id.
    """
    pairs = [
        (query, content_of[each]) for query, ids in zip(queries, ranking.ids, strict=True) for each in ids
    ]
    if not pairs:
        return ranking
    scores = cross_encoder(pairs)
    ordered = Ranking([], [])
    start = 0
    for ids in ranking.ids:
        given = scores[start : start + len(ids)]
        order = np.argsort(-given, kind="stable")
        ordered.ids.append([ids[position] for position in order])
        ordered.scores.append(given[order])
        start += len(ids)
    return ordered


def rerank(
    queries: Sequence[str], found: RowRanking, text_of: Callable[[int], str], judge: Judge, k: int
) -> RowRanking:
    """Orders rows anew by `judge`; equal scores keep the order that they came in.

    Args:
        queries: q texts.
        found: the rows to judge, [q, n]; ask the search for as many as may be judged (TOP is a good n).
        text_of: what the judge reads of a row.
        k: rows wanted; no more come back than were found.

    Returns:
        Rows int64 [q, k] and the judge's scores float32 [q, k]; empty places -1 and -inf.
    """
    require_positive(k=k)
    rows, _ = found
    there = rows >= 0
    pairs = [
        (query, text_of(int(row)))
        for query, line in zip(queries, rows, strict=True)
        for row in line[line >= 0]
    ]
    scores = np.full(rows.shape, -np.inf, dtype=np.float32)
    scores[there] = judge(pairs)
    order = np.argsort(np.where(there, -scores, np.inf), axis=1, kind="stable")[:, :k]
    ordered = np.full((len(rows), k), -1, dtype=np.int64)
    judged = np.full((len(rows), k), -np.inf, dtype=np.float32)
    ordered[:, : order.shape[1]] = np.take_along_axis(rows, order, 1)
    judged[:, : order.shape[1]] = np.take_along_axis(scores, order, 1)
    return ordered, judged
