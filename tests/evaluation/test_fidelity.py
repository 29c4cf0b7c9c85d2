"""What another query encoder loses: nothing if it is the same one, much if it is broken, by a slow count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.evaluation import fidelity as module
from splade_cli.evaluation.fidelity import Fidelity, query_fidelity
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk, WrittenQuery
from splade_cli.search.searcher import Searcher

NOUNS = (
    "kiln",
    "lathe",
    "loom",
    "press",
    "bicycle",
    "saw",
    "anvil",
    "forge",
    "kettle",
    "ladder",
    "rudder",
    "violin",
)
VERBS = (
    "fires",
    "turns",
    "weaves",
    "prints",
    "rolls",
    "cuts",
    "rings",
    "melts",
    "boils",
    "leans",
    "steers",
    "sings",
)
TEXTS = [
    f"The old {noun} {verb} in the workshop of master {noun}son. Every {noun} {verb} well if it is oiled on "
    f"a Monday and kept dry. Ask for {noun} parts number {place + 100} at the counter."
    for place, (noun, verb) in enumerate(zip(NOUNS, VERBS, strict=True))
]
WORDS = sorted({word.strip(".").lower() for text in TEXTS for word in text.split()})


def encode(texts: Sequence[str]) -> sp.csr_matrix:
    """A one for each known word."""
    dense = np.zeros((len(texts), len(WORDS)), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().replace(".", " ").split():
            if word in WORDS:
                dense[row, WORDS.index(word)] = 1
    return sp.csr_matrix(dense)


RARITY = 1 / np.asarray(encode(TEXTS).sum(0)).ravel()


def weighed(texts: Sequence[str]) -> sp.csr_matrix:
    """`encode`, rare words counting more."""
    return sp.csr_matrix(encode(texts).multiply(RARITY), dtype=np.float32)


def nothing(texts: Sequence[str]) -> sp.csr_matrix:
    return sp.csr_matrix((len(texts), len(WORDS)), dtype=np.float32)


class Encoder:
    """A function as a query encoder."""

    def __init__(self, encode: Callable[[Sequence[str]], sp.csr_matrix]) -> None:
        self.encode = encode


Compare = Callable[..., Fidelity]


def comparing(index: SpladeIndex) -> Compare:
    """`query_fidelity` of two functions over an index."""
    engine = LocalEngine(index)
    return lambda full, other: query_fidelity(
        Searcher(engine, Encoder(full)), Searcher(engine, Encoder(other))
    )


@pytest.fixture
def index() -> SpladeIndex:
    return SpladeIndex.from_vectors(encode(TEXTS), texts=TEXTS)


@pytest.fixture
def fidelity(index: SpladeIndex) -> Compare:
    return comparing(index)


def test_the_same_encoder_loses_nothing(fidelity: Compare) -> None:
    found = fidelity(weighed, weighed)
    assert found.full == found.other > 0.5
    assert found.common == 1.0
    assert len(TEXTS) < found.queries <= 2 * len(TEXTS)
    assert fidelity(weighed, weighed) == found, "the queries are the same each time"


def test_the_same_encoder_loses_nothing_where_it_finds_nothing(fidelity: Compare) -> None:
    """A query whose terms are in no text has no best ten to lose."""

    def half(texts: Sequence[str]) -> sp.csr_matrix:
        kept = sp.diags([float(number % 2) for number in range(len(texts))])
        return sp.csr_matrix(kept @ weighed(texts), dtype=np.float32)

    assert fidelity(half, half).common == 1.0
    assert fidelity(nothing, nothing) == Fidelity(fidelity(half, half).queries, 0, 0, 1.0)


def test_a_broken_encoder_loses(fidelity: Compare) -> None:
    def shifted(texts: Sequence[str]) -> sp.csr_matrix:
        return sp.csr_matrix(np.roll(weighed(texts).toarray(), 17, axis=1))

    same, broken = fidelity(weighed, weighed), fidelity(weighed, shifted)
    assert (broken.full, broken.queries) == (same.full, same.queries)
    assert broken.other < 0.5 * broken.full
    assert broken.common < 1.0
    gone = fidelity(weighed, nothing)
    assert (gone.other, gone.common) == (0.0, 0.0)
    better = fidelity(shifted, weighed)
    assert (better.full, better.other) == (broken.other, broken.full), "the first is the model's own"


class Writer:
    """Writes queries by the number of a chunk."""

    QUERIES = (
        (0, "kiln fires"),
        (0, "old workshop master"),
        (2, "press prints"),
        (3, "nothing of it"),
        (5, "saw"),
    )

    def __init__(self, chunks: Sequence[Chunk], **options: Any) -> None:
        assert options["queries_per_chunk"] > 0

    def write(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        for number, chunk in enumerate(chunks):
            assert chunk.text == TEXTS[number]
            yield chunk, [WrittenQuery(text) for source, text in self.QUERIES if source == number]


def test_figures_are_those_of_a_slow_count(
    index: SpladeIndex, fidelity: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OfflineWriter", Writer)

    def vague(texts: Sequence[str]) -> sp.csr_matrix:
        return encode([f"{text} old violin" for text in texts])

    found = fidelity(weighed, vague)
    ranked = [
        [index.search_rows(encoder([text]), 10)[0][0].tolist() for _, text in Writer.QUERIES]
        for encoder in (weighed, vague)
    ]
    sources = [source for source, _ in Writer.QUERIES]
    reciprocal = [
        [
            1 / (rows.index(source) + 1) if source in rows else 0.0
            for rows, source in zip(each, sources, strict=True)
        ]
        for each in ranked
    ]
    common = [
        len(({*full} & {*other}) - {-1}) / max(1, len({*full} - {-1}))
        for full, other in zip(*ranked, strict=True)
    ]
    assert found.queries == 5
    assert found.full == pytest.approx(np.mean(reciprocal[0]))
    assert found.other == pytest.approx(np.mean(reciprocal[1]))
    assert found.common == pytest.approx(np.mean(common))
    assert 0 < found.other < found.full < 1 and 0 < found.common < 1


def test_chunks_are_spread_over_the_index(
    index: SpladeIndex, fidelity: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNKS", 4)
    seen: list[str] = []

    def heard(texts: Sequence[str]) -> sp.csr_matrix:
        seen[:] = texts
        return encode(texts)

    found = fidelity(heard, encode)
    assert 4 <= found.queries <= 8
    words = {word for text in seen for word in text.lower().split()}
    asked_of = {
        number for number, noun in enumerate(NOUNS) if {noun, f"{noun}son", f"{number + 100}"} & words
    }
    assert asked_of <= {0, 3, 6, 9}
    assert len(asked_of) >= 2


def test_an_index_without_texts_asks_nothing() -> None:
    bare = SpladeIndex.from_vectors(encode(TEXTS))
    assert comparing(bare)(weighed, weighed) == Fidelity(0, 0.0, 0.0, 1.0)
    assert comparing(SpladeIndex.from_vectors(nothing([])))(weighed, weighed).queries == 0
