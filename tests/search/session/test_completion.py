"""What Tab proposes after each command, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.indexing.in_memory import index_chunks
from splade_cli.records import Chunk
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.commands import COMMANDS
from splade_cli.search.session.completion import proposals
from splade_cli.search.session.session import Session


@pytest.fixture(scope="module")
def session(embedder: Any, tmp_path_factory: pytest.TempPathFactory) -> Session:
    chunks = [
        Chunk(name, name, "reset a password", "Guide", metadata={"year": 2020, "yield": 1})
        for name in ("guide.md", "guard.md", "other.md")
    ]
    made = Session(
        Searcher.over(
            index_chunks(chunks, embedder, bm25=True), embedder, options=SearchOptions(group="off")
        ),
        marks=tmp_path_factory.mktemp("marks") / "marks.jsonl",
    )
    made.handle("password")
    return made


def texts(session: Session, before: str) -> list[str]:
    return [proposal.text for proposal in proposals(session, before)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("how to reset", []),
        ("", []),
        ("/mo", ["/more", "/mode"]),
        ("/MA", ["/mark"]),
        ("/mode", []),
        ("/mode ", ["sparse", "bm25", "hybrid"]),
        ("/mode b", ["bm25"]),
        ("/mode bm25 ", []),
        ("/filter y", ["year", "yield"]),
        ("/filter o", ["off"]),
        ("/filter (ye", ["year"]),
        ("/filter year >= 2020 a", ["and"]),
        ("/filter year >= 2020 and yi", ["yield"]),
        ("/mark ", ["good", "bad", "none"]),
        ("/mark good ", ["1", "2", "3"]),
        ("/mark good 1 2", []),
        ("/why gu", ["guide.md", "guard.md"]),
        ("/open other", ["other.md"]),
        ("/explain o", ["other.md", "on", "off"]),
        ("/terms ", ["frequent", "of"]),
        ("/terms how to fr", []),
        ("/help fi", ["filter"]),
        ("/top ", []),
        ("/nonsense ", []),
    ],
)
def test_proposals(session: Session, before: str, expected: list[str]) -> None:
    assert texts(session, before) == expected


def test_all_commands(session: Session) -> None:
    found = proposals(session, "/")
    assert [proposal.text for proposal in found] == list(COMMANDS)
    assert all(proposal.replaced == 1 and proposal.about for proposal in found)


def test_only_the_word_at_the_end_is_replaced(session: Session) -> None:
    (proposal,) = proposals(session, "/filter year >= 2020 and (yie")
    assert (proposal.text, proposal.replaced) == ("yield", 3)


def test_folders_to_compare_with(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in (("made", "manifest.json"), ("model", "config.json"), ("more", ""), (".hidden", "")):
        (tmp_path / name).mkdir()
        if file:
            (tmp_path / name / file).write_text("{}")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    assert [(each.text, each.about) for each in proposals(session, "/compare m")] == [
        ("made", "index"), ("model", "model"), ("more/", ""),
    ]  # fmt: skip
    assert texts(session, f"/compare {tmp_path}/ma") == [f"{tmp_path}/made"]
    assert texts(session, "/compare ti") == ["tiny"]
    assert texts(session, "/compare no/such/folder/x") == []


def test_ids_of_documents_that_did_not_come_up(embedder: Any, tmp_path: Path) -> None:
    chunks = [Chunk(f"{name}::1", name, f"text about {name}") for name in ("Alpha.md", "alps.md", "beta.md")]
    session = Session(Searcher.over(index_chunks(chunks, embedder), embedder), marks=tmp_path / "marks.jsonl")
    assert texts(session, "/open al") == ["Alpha.md", "alps.md"], "nothing was asked yet"
    assert texts(session, "/why BETA") == ["beta.md"]
    assert texts(session, "/terms of be") == ["beta.md"]
    assert texts(session, "/fold o") == ["off"]
