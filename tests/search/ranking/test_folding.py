"""Which chunks of a document are one hit: by the rule alone, and in searches of manuals and of pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from splade_cli.corpus.chunks import split_documents
from splade_cli.errors import OptionError
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Document, Hit, Pages
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.folding import (
    BY_DOCUMENT,
    BY_PAGE,
    BY_SECTION,
    PAGE_CHARACTERS,
    UNSECTIONED_CHARACTERS,
    Folding,
    Place,
    folding_of,
)
from splade_cli.search.ranking.grouping import Group, TextFacts, best_groups
from splade_cli.search.searcher import Searcher

SAW, KILN = ("Tools", "Saw"), ("Tools", "Kiln")


@pytest.mark.parametrize(
    ("folding", "one", "other", "joined"),
    [
        (BY_DOCUMENT, Place(SAW, 0), Place(KILN, 10**9), True),
        (BY_SECTION, Place(SAW, 0), Place(KILN, 900), False),
        (BY_SECTION, Place(SAW, 0), Place(SAW, 10**9), True),
        (BY_SECTION, Place(("Tools",), 0), Place(SAW, 900), False),
        (BY_SECTION, Place(SAW, 0), Place(KILN, 0), True),
        (BY_SECTION, Place((), 0), Place((), UNSECTIONED_CHARACTERS), True),
        (BY_SECTION, Place((), 0), Place((), UNSECTIONED_CHARACTERS + 1), False),
        (BY_PAGE, Place(SAW, 0), Place(KILN, PAGE_CHARACTERS), True),
        (BY_PAGE, Place(SAW, 0), Place(KILN, PAGE_CHARACTERS + 1), False),
        (BY_PAGE, Place(SAW, 0), Place(SAW, 10**9), True),
        (BY_PAGE, Place((), 0), Place((), PAGE_CHARACTERS + 1), False),
    ],
)
def test_two_chunks_of_a_document(folding: Folding, one: Place, other: Place, joined: bool) -> None:
    assert folding.joins(one, other) is joined
    assert folding.joins(other, one) is joined


def test_what_groupings_come_to() -> None:
    assert [folding_of("auto", few) for few in (True, False)] == [BY_SECTION, BY_PAGE]
    assert [folding_of("document", few) for few in (True, False)] == [BY_DOCUMENT] * 2
    assert [folding_of("section", few) for few in (True, False)] == [BY_SECTION] * 2


def test_a_chunk_goes_to_the_best_passage_that_it_joins_however_deep_a_ranking_goes() -> None:
    places = {"1": 0, "2": 4000, "3": 2000, "4": 7500, "5": 2000}
    facts = {each: TextFacts.of("a", each, place=Place((), start)) for each, start in places.items()}
    facts["5"] = TextFacts.of("b", "5", place=Place((), 2000))
    scores = np.arange(5, 0, -1).astype(np.float32)
    groups = best_groups(["1", "2", "3", "4", "5"], scores, facts, 5, folding=BY_SECTION)
    assert groups == [
        Group("1", 5, ("1", "3")),
        Group("2", 4, ("2",)),
        Group("4", 2, ("4",)),
        Group("5", 1, ("5",)),
    ]
    shorter = best_groups(["1", "2", "3"], scores[:3], facts, 5, folding=BY_SECTION)
    assert shorter == groups[:2]


TOPICS = ("saw", "kiln", "loom", "lathe", "press", "forge")


def manual(name: str, length: int) -> Document:
    """A document with a section of `length` characters for each topic, in which one more word stands first."""
    sections = []
    for topic in TOPICS:
        sentence = f"A worn {topic} is sharpened on the stone before work begins. "
        sections.append(f"## The {topic}\n\n" + sentence * (length // len(sentence)))
    return Document(name, "\n\n".join(sections), "Workshop")


def over(documents: Sequence[Document], embedder: SpladeEmbedder) -> Searcher:
    chunks = split_documents(documents)
    return Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder, options=SearchOptions("bm25"))


def sections(hits: Sequence[Hit]) -> list[str]:
    return [hit.headings[-1] for hit in hits]


def test_one_manual_gives_a_hit_for_each_section(embedder: SpladeEmbedder) -> None:
    searcher = over([manual("manual.md", 3000)], embedder)
    hits = searcher.search("sharpened stone", 10, replace(searcher.options, details=True))
    assert sorted(sections(hits)) == sorted(f"The {topic}" for topic in TOPICS)
    assert {hit.document_id for hit in hits} == {"manual.md"}
    for hit in hits:
        assert 1 <= len(hit.shown_windows) <= 2
        assert {window.within for window in hit.shown_windows} == {f"> {hit.headings[-1]}"}
    (whole,) = searcher.search("sharpened stone", 10, replace(searcher.options, group="document"))
    assert len(whole.windows) > 10
    apart = searcher.search("sharpened stone", 100, replace(searcher.options, group="off"))
    assert len(apart) == len(searcher.engine)


def test_a_page_among_many_is_one_hit_and_a_manual_among_them_several(embedder: SpladeEmbedder) -> None:
    pages = [Document(f"{number}.md", f"Page {number} of sharpened things", "") for number in range(12)]
    short = over([*pages, manual("short.md", 1500)], embedder)
    found = [hit.document_id for hit in short.search("worn sharpened stone", 10)]
    assert found.count("short.md") == 1
    long = over([*pages, manual("long.md", PAGE_CHARACTERS)], embedder)
    found = [hit.document_id for hit in long.search("worn sharpened stone", 10)]
    assert found.count("long.md") >= 3
    assert sections(long.search("lathe worn sharpened", 2))[0] == "The lathe"
    by_section = replace(short.options, group="section")
    assert len(set(sections(short.search("worn sharpened stone", 6, by_section)))) == 6


def test_where_there_are_no_headings_what_lies_apart_is_apart(embedder: SpladeEmbedder) -> None:
    pages = [f"On this page a worn {topic} is sharpened. " + "It is oiled. " * 400 for topic in TOPICS]
    text = "\n\n".join(pages)
    starts = tuple(text.index(f"On this page a worn {topic}") for topic in TOPICS)
    searcher = over([Document("manual.pdf", text, pages=Pages("page", starts))], embedder)
    hits = searcher.search("worn sharpened", 10)
    found = [next(topic for topic in TOPICS if f"worn {topic}" in hit.text) for hit in hits]
    assert sorted(found) == sorted(TOPICS), "a hit for each page"
    assert all(re.fullmatch(r"p\. [1-6]", hit.within) for hit in hits)


def test_an_unknown_grouping() -> None:
    with pytest.raises(OptionError, match="not by 'sections'") as error:
        SearchOptions(group="sections")  # type: ignore[arg-type]
    assert error.value.hint == "did you mean 'section'?"
    with pytest.raises(OptionError, match="not by 'False'"):
        SearchOptions(group=False)  # type: ignore[arg-type]
