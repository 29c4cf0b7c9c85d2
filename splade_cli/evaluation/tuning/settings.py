"""Index settings that trade quality for size or speed: static pruning, rounded weights, two-step search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.two_step import Steps, TwoStep, TwoStepEngine
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.impacts import quantised
from splade_cli.index.vectors.pruning import Pruning

FLOAT_BITS = 32


@dataclass(frozen=True)
class Setting:
    """One way to make an index; the full one where nothing is set.

    Attributes:
        prune_terms, prune_mass: see `Pruning`.
        impacts: bits of a stored weight.
        two_step: search in two steps.
    """

    prune_terms: int | None = None
    prune_mass: float | None = None
    impacts: int | None = None
    two_step: Steps | None = None

    @property
    def name(self) -> str:
        """What is set, in words; ``full`` where nothing is."""
        words = []
        if self.prune_terms is not None:
            words.append(f"{self.prune_terms} terms")
        if self.prune_mass is not None:
            words.append(f"{self.prune_mass:.0%} of the mass")
        if self.impacts is not None:
            words.append(f"{self.impacts} bits")
        if self.two_step is not None:
            words.append(f"two steps, {self.two_step.document_terms} and {self.two_step.query_terms} terms")
        return ", ".join(words) or "full"

    def applied(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """The vectors that are stored."""
        pruned = Pruning(self.prune_terms, self.prune_mass).applied(vectors)
        return pruned if self.impacts is None else quantised(pruned, self.impacts)


SETTINGS = (
    *(Setting(impacts=bits) for bits in (16, 8)),
    *(Setting(prune_terms=terms, impacts=8) for terms in (192, 128, 96, 64, 48, 32, 16)),
    *(Setting(prune_mass=share, impacts=8) for share in (0.9, 0.8, 0.7)),
    *(Setting(two_step=Steps(terms, of_query)) for terms, of_query in ((64, 16), (32, 16), (32, 8))),
)


@dataclass(frozen=True)
class TunedIndex:
    """An index in memory that was made by a setting.

    Attributes:
        megabytes: its vectors and postings on disk, in 10^6 bytes; BM25, dense vectors and texts are the same
            for all.
        terms: active dimensions of a text, on average.
    """

    setting: Setting
    engine: LocalEngine
    megabytes: float
    terms: float

    @classmethod
    def build(cls, setting: Setting, vectors: sp.csr_matrix, ids: Sequence[str]) -> TunedIndex:
        """The index of `vectors` [texts, V] whose texts have `ids`."""
        stored = setting.applied(vectors)
        index = SpladeIndex.from_vectors(stored, ids)
        postings = [segment.postings for segment in index.segments]
        if setting.two_step is None:
            engine = LocalEngine(index)
        else:
            two_step = TwoStep.build(index.vectors, setting.two_step)
            postings.append(two_step.first)
            engine = TwoStepEngine(index, two_step)
        terms = stored.nnz / max(1, stored.shape[0])
        return cls(setting, engine, stored_bytes(stored, setting, postings) / 1e6, terms)


def stored_bytes(stored: sp.csr_matrix, setting: Setting, postings: Sequence[Postings]) -> int:
    """Bytes on disk of vectors and `postings`, the first of them with weights of the setting's bits."""
    vectors = stored.nnz * 8 + 8 * (stored.shape[0] + 1)
    lists = sum(array.nbytes for each in postings for array in each.arrays.values())
    # weights stand in the vectors and in the first postings, float32 in memory
    saved = 2 * stored.nnz * (FLOAT_BITS - (setting.impacts or FLOAT_BITS)) // 8
    return int(vectors + lists - saved)
