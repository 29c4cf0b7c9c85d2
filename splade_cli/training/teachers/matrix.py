"""A dense teacher's vectors of all texts of a run, in memory.

They are computed once and cached like those that score rows, and kept in half precision, as LASPAR keeps its
teacher's: a cosine is off by a thousandth at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Example
from splade_cli.storage.cache import Cache
from splade_cli.training.cached import READ, CachedTexts, Computed, compute_missing, read_cached
from splade_cli.training.teachers.kinds import identity_of_teacher
from splade_cli.training.teachers.models import documents_of
from splade_cli.training.teachers.vectors import encode_items, open_vectors


@dataclass(frozen=True)
class TeacherMatrix:
    """Vectors float16 [n, d], compared by their product; `numbers` are the rows of (kind, text)."""

    vectors: NDArray[np.float16]
    numbers: dict[CachedTexts, int]
    counts: Computed

    def rows_of(self, query: str, documents: Sequence[str]) -> list[int]:
        """Rows of a query and then of its documents."""
        return [self.numbers["query", query], *(self.numbers["document", text] for text in documents)]


def teacher_matrix(
    source: str, rows: Sequence[Example], cache: Cache, options: ModelOptions, progress: Progress = silent
) -> TeacherMatrix:
    """The vectors that the dense model `source` gives to all texts of `rows`.

    Raises:
        ModelError: a teacher that cannot be found, read or used.
    """
    space = identity_of_teacher("dense", source)
    vectors = open_vectors("dense", source, options)
    items: list[CachedTexts] = [("query", row.query) for row in rows]
    items += [("document", text) for row in rows for text in documents_of(row)]
    items = list(dict.fromkeys(items))
    done = partial(progress, f"teacher {source}")
    counts = compute_missing(cache, space, items, partial(encode_items, vectors), done)
    parts = []
    for start in range(0, len(items), READ):
        decoded = vectors.decode(read_cached(cache, space, items[start : start + READ]))
        parts.append(np.asarray(decoded, dtype=np.float16))
    numbers = {item: number for number, item in enumerate(items)}
    return TeacherMatrix(np.concatenate(parts), numbers, counts)
