"""Chunkers that look at sentences or sizes alone: what holds of all slices, and where each cuts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.corpus.chunks import Chunking, split_documents
from splade_cli.corpus.segmentation.sentences import AROUND, similarities
from splade_cli.corpus.segmentation.text_model import TextModel
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Document

SAWS = (
    "The table saw needs a sharp blade. Blades of saws are cleaned with care. A dull blade burns the wood. "
)
MAIL = "Mail waits in the queue. The queue is sent by the server. Servers resend the mail that waits. "
CHUNKERS = ("fixed", "sentence", "semantic")


def bags(texts: Sequence[str]) -> sp.csr_matrix:
    """Counts of words."""
    columns: dict[str, int] = {}
    rows = []
    for text in texts:
        counts = np.zeros(500)
        for word in re.findall(r"\w+", text.lower()):
            counts[columns.setdefault(word, len(columns)) % 500] += 1
        rows.append(counts)
    return sp.csr_matrix(np.array(rows).reshape(len(texts), 500))


def cut(text: str, chunker: str, target: int = 200, overlap: float = 0) -> list[Chunk]:
    chunking = Chunking(target // 2, target * 2, target, overlap, chunker=chunker)
    return split_documents([Document("d", text)], chunking, TextModel(encode=bags))


TEXTS = st.lists(
    st.tuples(st.sampled_from(["word", "a", "Longer", "é", "日本。", "x" * 30]), st.sampled_from([" ", ". ", "\n\n", "! ", "  "])),
    max_size=250,
).map(lambda pairs: "".join(word + gap for word, gap in pairs))  # fmt: skip


@given(TEXTS, st.sampled_from(CHUNKERS), st.sampled_from([0, 0.1, 0.15, 0.2]))
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_sizes_hold(text: str, chunker: str, overlap: float) -> None:
    chunks = cut(text, chunker, overlap=overlap)
    covered = 0
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip()
        assert not text[covered : chunk.start].strip()
        assert chunk.end > covered
        assert len(chunk.text) <= 400
        assert len(chunks) == 1 or len(chunk.text) >= 100
        covered = chunk.end
    assert not text[covered:].strip()


def test_fixed_sizes_follow_no_sentence() -> None:
    chunks = cut(SAWS * 8, "fixed")
    lengths = [len(chunk.text) for chunk in chunks[:-2]]
    assert all(190 <= length <= 210 for length in lengths)
    assert not all(chunk.text.endswith(".") for chunk in chunks)


def test_sentences_stay_whole() -> None:
    text = "# Saws\n\n" + SAWS * 8 + "It is 3.5 mm wide, e.g. here. "
    for chunk in cut(text, "sentence"):
        assert chunk.text.endswith(".")
        assert not chunk.text.startswith("here")


def test_semantic_cuts_lie_where_the_topic_changes() -> None:
    text = SAWS + MAIL + SAWS + MAIL
    assert [chunk.text for chunk in cut(text, "semantic", 130)] == [SAWS.strip(), MAIL.strip()] * 2
    assert [chunk.text for chunk in cut(text, "sentence", 130)] != [SAWS.strip(), MAIL.strip()] * 2


def test_a_short_text_is_not_encoded() -> None:
    def refused(texts: Sequence[str]) -> sp.csr_matrix:
        raise AssertionError(texts)

    chunking = Chunking(chunker="semantic")
    (chunk,) = split_documents([Document("d", SAWS)], chunking, TextModel(encode=refused))
    assert chunk.text == SAWS.strip()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_similarities_are_cosines_of_neighbourhoods(count: int) -> None:
    vectors = np.random.default_rng(count).poisson(0.4, (count, 12)).astype(float)
    expected = []
    for boundary in range(1, count):
        before = vectors[max(0, boundary - AROUND) : boundary].sum(axis=0)
        behind = vectors[boundary : boundary + AROUND].sum(axis=0)
        norms = np.linalg.norm(before) * np.linalg.norm(behind)
        expected.append(before @ behind / norms if norms else 0.0)
    np.testing.assert_allclose(similarities(sp.csr_matrix(vectors)), expected)


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="unknown chunker 'words'"):
        cut("text", "words")
    with pytest.raises(InputError, match="nothing compares sentences"):
        split_documents([], Chunking(chunker="semantic"))
    with pytest.raises(InputError, match="nothing counts the tokens"):
        split_documents([], Chunking(tokens=200))
    with pytest.raises(InputError, match="at least 16 tokens, got 3"):
        split_documents([], Chunking(tokens=3))
