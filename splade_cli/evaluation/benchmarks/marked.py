"""Marks of a session as judgements: the queries that a person asked, with the hits called good or bad."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.engines.base import Engine
from splade_cli.errors import InputError
from splade_cli.records import Document
from splade_cli.search.session.marks import Mark, Marks

SPLIT = "marks"


def marked_collection(path: Path, engine: Engine) -> Collection:
    """The marks in a file as judgements of the documents that an engine holds: good is 1, bad is 0.

    A document with good and bad chunks is good. Queries without a good one are left out, and so are marks of
    texts that are no longer there; notes of the collection say how many.

    Raises:
        InputError: no such file, or no mark in it that can be used.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}", f"/mark good 1 in `splade query --marks {path}` writes one")
    marks = Marks(path).every()
    if not marks:
        raise InputError(f"{path} holds no marks", f"/mark good 1 in `splade query --marks {path}` makes one")
    documents_of = _documents_of(engine, marks)
    graded: dict[str, dict[str, float]] = {}
    documents: dict[str, Document] = {}
    for mark in marks:
        name = documents_of.get(mark.id)
        if name is None:
            continue
        grades = graded.setdefault(mark.query, {})
        grades[name] = max(grades.get(name, 0), int(mark.verdict == "good"))
        documents.setdefault(name, Document(name, mark.text))
    answered = [query for query, grades in graded.items() if any(grades.values())]
    if not answered:
        raise InputError(
            f"no query of {path} has a good document that is in the index", "mark one: /mark good 1"
        )
    ids = {f"q{number}": query for number, query in enumerate(answered, 1)}
    qrels: Qrels = {name: graded[query] for name, query in ids.items()}
    notes = []
    gone = sum(mark.id not in documents_of for mark in marks)
    if gone:
        notes.append(f"{gone} of {len(marks)} marks are of texts that are not in the index")
    if len(answered) < len(graded):
        notes.append(f"{len(graded) - len(answered)} queries without a good document are left out")
    notes.append("documents were marked among the hits of one system: others are judged less kindly")
    return Collection(path.name, SPLIT, list(documents.values()), ids, qrels, notes=tuple(notes))


def _documents_of(engine: Engine, marks: Sequence[Mark]) -> dict[str, str]:
    """The documents of marked chunks that are still there."""
    found = {}
    for name in {mark.id for mark in marks}:
        try:
            (chunk,) = engine.fetch([name])
        except InputError:
            continue
        found[name] = chunk.document_id or chunk.id
    return found
