"""Queries written without a language model: the same each time, of the text's own words, in several kinds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.generation.dedupe import query_key
from splade_cli.generation.queries.offline_writer import (
    CLAIMS,
    QUESTIONS,
    SENTENCE_WORDS,
    TURNS,
    OfflineWriter,
)
from splade_cli.index.bm25.analyzer import stop_words
from splade_cli.records import Chunk, WrittenQuery

KINDS = ("question", "keywords", "title", "span", "sentence")

STOP = stop_words("english", full=True)


@pytest.fixture(scope="module")
def chunks(root: Path) -> list[Chunk]:
    found = split_documents(read_documents(root / "sample_docs" / "documents").documents)[:60]
    assert len(found) == 60
    return found


def write(chunks: list[Chunk], **options: object) -> dict[str, list[WrittenQuery]]:
    writer = OfflineWriter(chunks, stop_words=STOP, **options)  # type: ignore[arg-type]
    return {chunk.id: queries for chunk, queries in writer.write(chunks)}


def test_the_same_for_the_same_chunks_and_seed_and_another_for_another(chunks: list[Chunk]) -> None:
    first = write(chunks, seed=1)
    assert write(chunks, seed=1) == first
    other = write(chunks, seed=2)
    assert sum(first[key] != other[key] for key in first) > 50
    writer = OfflineWriter(chunks, stop_words=STOP, seed=1)
    assert {chunk.id: writer.queries_of(chunk) for chunk in reversed(chunks)} == first, (
        "order does not matter"
    )


@pytest.mark.parametrize("wanted", [1, 4, 7])
def test_as_many_as_were_asked_for_without_repeats(wanted: int, chunks: list[Chunk]) -> None:
    for queries in write(chunks, queries_per_chunk=wanted).values():
        assert len(queries) <= wanted
        assert len({query_key(query.text) for query in queries}) == len(queries)
        assert {query.type for query in queries} <= set(KINDS)
        assert all(query.text == query.text.strip() != "" for query in queries)
    assert sum(map(len, write(chunks, queries_per_chunk=wanted).values())) > 0.8 * wanted * len(chunks)


def test_all_kinds_come_up(chunks: list[Chunk]) -> None:
    """In the shares of `TURNS`; chunks without a title or a sentence let others come first."""
    kinds = [query.type for queries in write(chunks).values() for query in queries]
    assert set(KINDS) == set(TURNS)
    for kind in KINDS:
        assert kinds.count(kind) / len(kinds) == pytest.approx(TURNS.count(kind) / len(TURNS), abs=0.1)


def test_words_are_the_chunks_own(chunks: list[Chunk]) -> None:
    """Questions add their template's words; all others use what stands in title, headings or text."""
    templates = set(re.findall(r"[^\W_]+", " ".join((*QUESTIONS["english"], *CLAIMS["english"])).casefold()))
    for chunk in chunks:
        own = set(re.findall(r"[^\W_]+", " ".join((chunk.title, *chunk.headings, chunk.text)).casefold()))
        for query in OfflineWriter(chunks, stop_words=STOP).queries_of(chunk):
            words = set(re.findall(r"[^\W_]+", query.text.casefold()))
            assert words <= own | (templates if query.type == "question" else set()), query


def test_an_unknown_language_gets_no_template_questions(chunks: list[Chunk]) -> None:
    kinds = {query.type for queries in write(chunks, language="klingon").values() for query in queries}
    assert kinds == set(KINDS) - {"question"}
    norwegian = write(chunks, language="norwegian").values()
    asked = [query.text for queries in norwegian for query in queries if query.type == "question"]
    starts = tuple(template.split("{")[0] for template in QUESTIONS["norwegian"])
    assert asked
    assert all(text.startswith(starts) for text in asked)


@pytest.mark.parametrize("text", ["", "a", "1 2 3", "the of and", "!!! ???", "```\ncode only\n```"])
def test_a_chunk_without_content_words_gives_no_query_and_no_error(text: str) -> None:
    chunk = Chunk("c", "d", text)
    assert OfflineWriter([chunk], stop_words=STOP).queries_of(chunk) == []


def test_every_template_holds_one_place() -> None:
    for templates in (*QUESTIONS.values(), *CLAIMS.values()):
        for template in templates:
            assert template.count("{}") == 1
            assert "{" not in template.replace("{}", "")


def test_a_sentence_is_the_texts_own_from_its_start(chunks: list[Chunk]) -> None:
    found = 0
    for chunk in chunks:
        for query in OfflineWriter(chunks, stop_words=STOP, queries_per_chunk=8).queries_of(chunk):
            if query.type == "sentence":
                found += 1
                assert query.text in " ".join(chunk.text.split())
                assert 2 <= len(query.text.split()) <= SENTENCE_WORDS
    assert found > len(chunks) / 2


def test_braces_in_a_text_do_no_harm() -> None:
    text = "The {placeholder} of each {} template is expanded by the formatter before rendering begins. " * 3
    chunk = Chunk("c", "d", text, title="About {braces}")
    for seed in range(10):
        assert OfflineWriter([chunk], stop_words=STOP, seed=seed).queries_of(chunk)
