"""Texts of every kind are cut: what must hold of all slices, and the choice of boundaries on some."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from splade_cli.corpus.chunks import Chunking, iterate_chunks, split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.segmentation.lengths import TokenLengths
from splade_cli.corpus.segmentation.text_model import TextModel
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Document

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank today. "


def split(document: Document, chunking: Chunking | None = None) -> list[Chunk]:
    """The slices of a single document."""
    return split_documents([document], chunking or Chunking())


def check(
    document: Document, chunks: list[Chunk], least: int, most: int, overlap: float, sizes: bool = True
) -> None:
    text = document.text
    if not text.strip():
        assert chunks == []
        return
    covered = 0
    for number, chunk in enumerate(chunks, 1):
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip()
        assert chunk.text
        assert chunk.id == (document.id if len(chunks) == 1 else f"{document.id}::{number}")
        assert (chunk.document_id, chunk.title, chunk.metadata) == (
            document.id,
            document.title,
            document.metadata,
        )
        assert not text[covered : chunk.start].strip()
        assert chunk.end > covered
        covered = chunk.end
        if len(chunks) > 1:
            assert len(chunk.text) <= most
            assert not sizes or len(chunk.text) >= least
    assert not text[covered:].strip()
    for before, after in pairwise(chunks):
        shared, length = before.end - after.start, before.end - before.start
        assert after.start > before.start
        if not overlap:
            assert shared <= 0
        else:
            assert shared <= length / 5
            # A gap of blanks wider than a twentieth of the greatest size may stand in the way of sharing.
            assert not sizes or shared >= length / 10


WORDS = st.text(alphabet=st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=14)
GAPS = st.sampled_from(
    [" ", " ", " ", " ", ". ", "! ", "\n", "\n\n", "。", ":\n", ".\n\n", "\n\n## Head\n\n", "\n- "]
)
PROSE = st.lists(st.tuples(WORDS, GAPS), max_size=160).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
FENCES = st.lists(st.tuples(PROSE.filter(lambda text: "```" not in text), st.booleans()), max_size=6).map(
    lambda parts: "\n\n".join(f"```py\n{text}\n```" if fenced else text for text, fenced in parts)
)
SIZES = st.integers(50, 120).flatmap(
    # With less free play between the sizes than a run of blanks is wide, no cut can keep to them.
    lambda least: st.integers(2 * least + 8, 5 * least).flatmap(
        lambda most: st.tuples(st.just(least), st.integers(least, most), st.just(most))
    )
)
OVERLAPS = st.sampled_from([0, 0.1, 0.15, 0.2])


@given(st.one_of(PROSE, FENCES), SIZES, OVERLAPS)
@settings(max_examples=300, deadline=None)
@example("x" * 5000, (50, 100, 200), 0.15)
@example("e\u0301" * 2000, (50, 100, 200), 0.15)
@example("```\n" + "line of code\n" * 100 + "```", (50, 100, 200), 0.15)
def test_what_holds_of_all_chunks(text: str, sizes: tuple[int, int, int], overlap: float) -> None:
    least, target, most = sizes
    document = Document("a/b.md", text, "Title", {"k": 1})
    chunks = split(document, Chunking(least, most, target, overlap))
    check(document, chunks, least, most, overlap)
    length = len(text.strip())
    if length < 2 * least or length <= min(most, 1.3 * target):
        assert len(chunks) <= 1
        assert not text.strip() or chunks[0].text == text.strip()
    if length > most:
        assert len(chunks) > 1


@given(st.text(alphabet=st.sampled_from("ab \n\t.#`\u3000é")).map(lambda text: text * 7), SIZES, OVERLAPS)
@settings(max_examples=200, deadline=None)
@example("w" + " " * 5000 + "w", (50, 100, 200), 0.15)
@example(("w" + " " * 190) * 50, (50, 100, 200), 0.15)
def test_blanks_without_end_lose_nothing(text: str, sizes: tuple[int, int, int], overlap: float) -> None:
    least, target, most = sizes
    document = Document("d", text)
    chunks = split(document, Chunking(least, most, target, overlap))
    check(document, chunks, least, most, overlap, sizes=False)


@pytest.mark.parametrize("text", ["", " \n\t ", "\u3000"])
def test_nothing_to_cut(text: str) -> None:
    assert split(Document("d", text)) == []


@pytest.mark.parametrize("length", [1, 300, 499, 999, 1299])
def test_short_documents_stay_whole(length: int) -> None:
    text = (SENTENCE * 30)[:length].strip()
    (chunk,) = split(Document("d", f"\n {text} \n", "T", {"a": 1}))
    assert chunk == Chunk("d", "d", text, "T", (), 2, 2 + len(text), {"a": 1})


def test_default_sizes_on_prose() -> None:
    text = "\n\n".join(SENTENCE * 5 for _ in range(40))
    chunks = split(Document("d", text))
    check(Document("d", text), chunks, 500, 2000, 0.15)
    for chunk in chunks:
        assert chunk.text[0] == "T"
        assert chunk.text.endswith(".")
    sizes = sorted(len(chunk.text) for chunk in chunks)
    assert 800 <= sizes[len(sizes) // 2] <= 1200


@pytest.mark.parametrize(
    ("gap", "better"),
    [(" ", "\n\n## Part\n\n"), (" ", "\n\n"), (" ", "\n"), ("\n", "\n\n"), ("\n", "\n\n# Part\n\n")],
)
def test_better_boundaries_win_nearby(gap: str, better: str) -> None:
    body = gap.join([SENTENCE.strip()] * 14)
    text = body + better + gap.join(["Second" + SENTENCE.strip()] * 20)
    first = split(Document("d", text))[0]
    assert first.text == body


def test_distance_is_weighed() -> None:
    # A paragraph end at the very least size does not beat a line end at the wished one by its kind alone.
    text = "x" * 500 + "\n\n" + "y" * 480 + ".\n" + "Z" * 3000
    assert split(Document("d", text))[0].text.endswith(".")


def test_a_heading_is_not_left_at_the_end() -> None:
    text = SENTENCE * 13 + "\n\n## Heading\n\n" + SENTENCE * 30
    first, second = split(Document("d", text))[:2]
    assert "## Heading" not in first.text
    assert second.headings == ("Heading",)


def test_code_is_cut_only_where_nothing_else_is_left() -> None:
    code = "```python\n" + "\n\n".join(f"value_{number} = {number}" for number in range(45)) + "\n```"
    text = f"{SENTENCE * 8}\n\n{code}\n\n{SENTENCE * 25}"
    chunks = split(Document("d", text))
    assert sum(code in chunk.text for chunk in chunks) == 1
    huge = "```\n" + "".join(f"line {number} of the code\n" for number in range(400)) + "```"
    for chunk in split(Document("d", huge)):
        assert re.match(r"```|line \d+ of the code\n", chunk.text)
        assert re.search(r"(?:```|code)\Z", chunk.text)


def test_headings_are_a_path_without_the_title() -> None:
    part = "\n\n" + SENTENCE * 12 + "\n\n"
    text = f"# Title{part}## One{part}### Deep{part}```sh\n# no heading\n```{part}## Two{part}#hash{part}"
    chunks = split(Document("d", text, "title"))
    paths = [chunk.headings for chunk in chunks]
    assert list(dict.fromkeys(paths)) == [(), ("One",), ("One", "Deep"), ("Two",)]
    # The path is that of the new part: the shared words before it may belong to the section above.
    for before, chunk in pairwise(chunks):
        new = text[before.end : chunk.end].strip()
        if new.startswith("## Two"):
            assert chunk.headings == ("Two",)
    assert split(Document("d", f"# Other\n\n{SENTENCE}", "Title"))[0].headings == ("Other",)


def test_an_unclosed_fence_does_not_hide_the_headings() -> None:
    text = f"```\n{SENTENCE * 20}\n\n## Heading\n\n{SENTENCE * 20}"
    assert split(Document("d", text))[-1].headings == ("Heading",)


def test_wrapped_lines_are_cut_between_sentences() -> None:
    wrapped = re.sub(r"(.{40,60}) ", r"\1\n", SENTENCE * 60)
    for chunk in split(Document("d", wrapped))[:-1]:
        assert chunk.text.endswith("today.")


def test_accents_and_emoji_are_not_parted() -> None:
    for unit in ("e\u0301", "\U0001f469\u200d\U0001f4bb"):
        for chunk in split(Document("d", unit * 3000)):
            assert chunk.text.replace(unit, "") == ""


def test_japanese_is_cut_at_sentence_ends() -> None:
    text = "日本語の文章はここで終わります。" * 300
    chunks = split(Document("d", text))
    assert all(chunk.text.endswith("。") and chunk.text.startswith("日") for chunk in chunks)


def test_documents_in_order_with_unique_ids() -> None:
    long = SENTENCE * 40
    documents = [Document("a", long), Document("a::1", "short"), Document("b", "x"), Document("c", " ")]
    chunks = split_documents(iter(documents), Chunking(overlap=0))
    ids = [chunk.id for chunk in chunks]
    assert len(set(ids)) == len(ids)
    assert {"a::1", "a::2", "b"} < set(ids)
    assert [chunk.document_id for chunk in chunks if chunk.id == "a::1"] == ["a::1"]
    assert split_documents([]) == []


def test_chunks_come_as_their_documents_are_read() -> None:
    drawn: list[str] = []

    def reading() -> Iterator[Document]:
        for name in "ab":
            drawn.append(name)
            yield Document(name, SENTENCE * 40)

    chunks = iterate_chunks(reading())
    assert next(chunks).document_id == "a"
    assert drawn == ["a"]
    assert [chunk.document_id for chunk in chunks][-1] == "b"


def test_one_at_a_time_and_at_once_are_the_same_where_no_ids_collide() -> None:
    documents = [Document(f"d{n}", SENTENCE * n, "T", {"n": n}) for n in (1, 40, 0, 90)]
    assert list(iterate_chunks(iter(documents))) == split_documents(documents)
    sizes = Chunking(min_chars=100, target_chars=200, max_chars=400, overlap=0)
    assert list(iterate_chunks(documents, sizes)) == split_documents(documents, sizes)


@pytest.mark.parametrize("short_first", [True, False])
def test_ids_that_look_like_those_of_chunks(short_first: bool) -> None:
    short = [Document("long::1", "one"), Document("long::2", "two")]
    long = [Document("long", SENTENCE * 20)]
    documents = [*short, *long] if short_first else [*long, *short]

    def ids(known: set[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for chunk in iterate_chunks(documents, chunking=Chunking(overlap=0), known=known):
            found.setdefault(chunk.document_id, []).append(chunk.id)
        return found

    known = ids({document.id for document in documents})
    assert known == {"long": ["long::1'", "long::2'"], "long::1": ["long::1"], "long::2": ["long::2"]}
    unknown = ids(set())
    if short_first:
        assert unknown == known
    else:
        assert unknown == {"long": ["long::1", "long::2"], "long::1": ["long::1'"], "long::2": ["long::2'"]}


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "a::1", "a::1'", "a::2", "b"]), st.booleans()),
        unique_by=lambda d: d[0],
    )
)
@settings(max_examples=60, deadline=None)
def test_ids_are_unique_known_or_not(given_documents: list[tuple[str, bool]]) -> None:
    documents = [Document(name, SENTENCE * (20 if long else 1)) for name, long in given_documents]
    for known in (set(), {name for name, _ in given_documents}):
        chunks = list(iterate_chunks(documents, chunking=Chunking(overlap=0), known=known))
        assert (
            len({chunk.id for chunk in chunks})
            == len(chunks)
            == sum(2 if long else 1 for _, long in given_documents)
        )
        if known:
            whole = [chunk for chunk in chunks if chunk.text == SENTENCE.strip()]
            assert all(chunk.id == chunk.document_id for chunk in whole), "a whole document keeps its own id"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"min_chars": 0}, "smallest chunk must have more than 0 characters, got 0"),
        ({"max_chars": 900}, "largest chunk must have at least twice .* of the smallest, got 900 and 500"),
        ({"target_chars": 400}, "wished size of a chunk must lie between 500 and 2000, got 400"),
        ({"target_chars": 2001}, "between 500 and 2000, got 2001"),
        ({"overlap": 0.05}, "overlap of chunks must be 0 or between 0.1 and 0.2, got 0.05"),
        ({"overlap": 0.5}, "overlap of chunks .* got 0.5"),
        ({"overlap": -0.1}, "overlap of chunks .* got -0.1"),
        ({"overlap": float("nan")}, "overlap of chunks .* got nan"),
    ],
)
def test_sizes_that_cannot_be(sizes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        split_documents([], Chunking(**sizes))  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize("opening", ["", "  ", "\n\n", " \n"])
def test_a_whole_text_stands_under_the_heading_that_it_begins_with(opening: str) -> None:
    text = f"{opening}## Part\n\nWords.\n\n## Other\n\nWords."
    headings = ("Part",) if opening != "  " else ()
    assert split(Document("d", text, "Title"))[0].headings == headings
    assert split(Document("d", text, "part"))[0].headings == ()
    assert split(Document("d", f"{opening}Words.\n\n## Other"))[0].headings == ()


@pytest.mark.parametrize("unit", ["## a\n### b\n", "a\n", "a. "])
def test_few_places_are_weighed_for_each_cut(unit: str) -> None:
    weighed = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal weighed
        weighed += event == "call" and frame.f_code.co_name == "_cost"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        chunks = split(Document("d", unit * (100_000 // len(unit))))
    finally:
        sys.setprofile(before)
    assert weighed < 100 * 2 * len(chunks)


@pytest.mark.parametrize("unit", [SENTENCE, "x", "a ", "short line\n", "w" + " " * 1900])
def test_work_is_linear(unit: str) -> None:
    def calls(size: int) -> int:
        count = 0

        def counted(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(counted)
        try:
            split(Document("d", unit * (size // len(unit))))
        finally:
            sys.setprofile(before)
        return count

    calls(10_000)
    assert calls(400_000) < 5 * calls(100_000)


@pytest.mark.parametrize("folder", ["docs-fastapi", "docs-debian-handbook/en-US"])
def test_real_documentation(folder: str) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"{folder} is not on this machine")
    documents = read_documents(DATA / folder).documents
    cut_in_code = 0
    for document in documents:
        chunks = split(document)
        check(document, chunks, 500, 2000, 0.15)
        cut_in_code += sum(
            len(re.findall(r"(?m)^ *```", document.text[: chunk.end])) % 2 for chunk in chunks[:-1]
        )
    assert len(split_documents(documents)) > 2 * len(documents)
    assert cut_in_code <= 0.02 * len(documents)


class Words:
    """Tokens that are runs of at most three letters, or any other sign but blanks; a long word is one."""

    PATTERN = re.compile(r"\w{41,}|\w{1,3}|[^\w\s]")

    def __init__(self, window: int) -> None:
        self.window = window

    def starts(self, text: str) -> NDArray[np.int64]:
        return np.array([match.start() for match in self.PATTERN.finditer(text)], dtype=np.int64)

    def count(self, text: str) -> int:
        return len(self.starts(text))


def check_tokens(document: Document, tokens: Any, wished: int, overlap: float) -> list[Chunk]:
    """Cuts by tokens; nothing is lost, and nothing is unread."""
    chunks = split_documents([document], Chunking(tokens=wished, overlap=overlap), TextModel(tokens))
    covered = 0
    for chunk in chunks:
        assert chunk.text == document.text[chunk.start : chunk.end] == chunk.text.strip()
        assert chunk.end > covered
        assert not document.text[covered : chunk.start].strip()
        covered = chunk.end
        assert tokens.count(chunk.content) <= tokens.window
    lengths = TokenLengths(document.text, tokens)
    for before, after in pairwise(chunks):
        shared = lengths.between(after.start, max(after.start, before.end))
        assert shared <= (lengths.between(before.start, before.end) / 5 if overlap else 0)
    assert not document.text[covered:].strip()
    return chunks


@given(st.one_of(PROSE, FENCES), st.integers(24, 90), st.integers(16, 120), OVERLAPS, WORDS)
@settings(max_examples=200, deadline=None)
@example("x" * 5000, 30, 40, 0.15, "t")
@example("word " * 40 + "y" * 300 + " word" * 40, 30, 40, 0.15, "t")
@example(
    "\n\n".join(f"{'#' * (1 + n % 6)} {'heading words ' * 14}\n\nText." for n in range(40)), 60, 40, 0.1, "t"
)
@example("w" + " " * 5000 + "w", 30, 40, 0.15, "t")
def test_a_model_reads_every_token(text: str, window: int, wished: int, overlap: float, title: str) -> None:
    check_tokens(Document("a.md", text, title * 3), Words(window), wished, overlap)
