"""Reranking: the best texts of a fast search, ordered anew by a cross-encoder.

A cross-encoder reads query and text together, some thousand times slower than a search of an index, so it
sees only the first few [Nogueira and Cho 2019, arXiv 1901.04085]. What it does not see is no result: its
scores and those of the search before it have no common scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from splade_cli.model.options import ModelOptions
from splade_cli.records import Ranking

if TYPE_CHECKING:
    from splade_cli.model.crossencoder import CrossEncoderModel

CrossEncoder = Callable[[Sequence[tuple[str, str]]], NDArray[np.float32]]
"""``cross_encoder([(query, text), ...])`` -> float32 scores, larger is better."""


@dataclass
class Reranker:
    """A `CrossEncoder` by name, loaded when first needed; one thread at a time.

    Attributes:
        name: a folder or a hub id of any sentence-transformers CrossEncoder with one score a pair.
        batch_size: pairs in a forward pass.
        options: how it is opened.
    """

    name: str
    batch_size: int = 32
    options: ModelOptions = field(default_factory=ModelOptions)
    _model: CrossEncoderModel | None = field(default=None, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Raw scores (logits) float32 [len(pairs)]. Raises ModelError for another kind of model."""
        with self._lock:
            if self._model is None:
                from splade_cli.model.crossencoder import CrossEncoderModel

                self._model = CrossEncoderModel(self.name, self.options)
            return self._model.scores(pairs, self.batch_size)


def rerank(
    queries: Sequence[str], ranking: Ranking, content_of: Mapping[str, str], cross_encoder: CrossEncoder
) -> Ranking:
    """Orders each ranking anew; equal scores keep the order that they came in.

    Args:
        queries: q texts.
        ranking: what is to be read; it costs a forward pass a text.
        content_of: what the cross-encoder reads of each id.
    """
    pairs: list[tuple[str, str]] = []
    for query, ids in zip(queries, ranking.ids, strict=True):
        pairs.extend((query, content_of[each]) for each in ids)
    if not pairs:
        return ranking
    scores = cross_encoder(pairs)
    reranked = Ranking([], [])
    start = 0
    for ids in ranking.ids:
        given = scores[start : start + len(ids)]
        order = np.argsort(-given, kind="stable")
        reranked.ids.append([ids[position] for position in order])
        reranked.scores.append(given[order])
        start += len(ids)
    return reranked
