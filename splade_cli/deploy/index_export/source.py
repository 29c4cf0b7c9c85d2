"""What an export is made of: an index, names, a scale, and queries to go with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Checked
from splade_cli.engines.remote.rows import rows_of
from splade_cli.engines.web.documents import Row, each_row
from splade_cli.engines.web.names import IDS, NUMBERED, FeatureNames
from splade_cli.index.index import SpladeIndex
from splade_cli.progress import Progress, silent

ROWS_AT_ONCE = 500
SAMPLE_TERMS = 8


class Query(NamedTuple):
    """A query as an engine is asked it.

    Attributes:
        id: of the query.
        text: what was asked; empty of a sample that was made of a document.
        columns, weights: its vector, as of `Row`.
    """

    id: str
    text: str
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """An index on its way into files.

    Attributes:
        index: what is exported.
        checked: what a look at all of its rows has found.
        names: what dimensions are called.
        scale: what a weight of 1 becomes where weights are whole numbers.
        name: of the index, table or collection at its destination.
        queries: to be written in the destination's form; one is made of a document where none are given.
        progress: told of rows.
    """

    index: SpladeIndex
    checked: Checked
    names: FeatureNames = NUMBERED
    scale: int = 100
    name: str = "docs"
    queries: Sequence[Query] = ()
    progress: Progress = field(default=silent, compare=False)

    def rows(self) -> Iterator[Row]:
        """All rows that are not deleted."""
        done = 0
        for rows in rows_of(self.index, ROWS_AT_ONCE):
            yield from each_row(rows)
            done += len(rows)
            self.progress("rows", done, self.checked.rows)

    @cached_property
    def facts(self) -> StoreFacts:
        """What a store says of itself when all is loaded."""
        facts = StoreFacts.of(self.index, LocalEngine(self.index).fields())
        rows = self.checked.rows
        return replace(facts, generation=facts.loading, loading=0, rows=rows, next_position=rows)

    @property
    def is_searchable(self) -> bool:
        """Whether `splade search --engine` finds what is loaded: it asks by numbers. Only then there is a
        record of it."""
        return self.names.kind == IDS

    @cached_property
    def sample(self) -> Query:
        """The first query; where none are given, the heaviest terms of the first text that has any."""
        if self.queries:
            return self.queries[0]
        for segment in self.index.segments:
            for block in segment.live_blocks():
                filled = np.flatnonzero(np.diff(block.indptr))
                if len(filled):
                    return _heaviest(sp.csr_matrix(block[int(filled[0])]))
        return Query("sample", "", np.empty(0, np.int32), np.empty(0, np.float32))

    def whole(self, weights: NDArray[np.float32]) -> NDArray[np.int64]:
        """Weights as whole numbers, none below 1, so that no term gets lost."""
        scaled = np.rint(np.asarray(weights, dtype=np.float64) * self.scale)
        return np.maximum(1, scaled).astype(np.int64)


def _heaviest(vector: sp.csr_matrix) -> Query:
    chosen = np.sort(np.argsort(-vector.data, kind="stable")[:SAMPLE_TERMS])
    return Query("sample", "", vector.indices[chosen], vector.data[chosen])
