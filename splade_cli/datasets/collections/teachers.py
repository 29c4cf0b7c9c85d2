"""Judgements by teachers: what they rank first for queries that were written and that nobody has judged.

Whether a written query finds the chunk that it was written from says how literally a model matches; so what
its teachers rank first is relevant in its place.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splade_cli.datasets.collections.collection import Collection
from splade_cli.datasets.collections.folder import QUERIES
from splade_cli.datasets.teacher_run import is_for_others, teacher_run_beside
from splade_cli.storage.files import read_jsonl

NOTE = "written queries are judged by what their teachers rank first (teacher.trec), not by people"


def judged_by_teachers(collection: Collection, folder: Path) -> Collection:
    """The collection of a folder of training data with its teachers' judgements, where their run lies there.

    Raises:
        InputError: a line of the run has another shape; its number is named.
    """
    run = teacher_run_beside(folder / "train.json")
    if run is None:
        return collection
    ids = {text: document.id for document in reversed(collection.documents) for text in [document.text]}
    qrels = dict(collection.qrels)
    judged = 0
    written = _written(folder / QUERIES)
    for query, text in collection.queries.items():
        if query in written and text in run.queries:
            taught = {ids[each]: score for each, score in run.first(text).items() if each in ids}
            judged += bool(taught)
            qrels[query] = taught or qrels[query]
    if not judged:
        return collection
    name = f"{collection.name}, by their teachers"
    return replace(collection, qrels=qrels, name=name, notes=(*collection.notes, NOTE))


def _written(path: Path) -> frozenset[str]:
    """Ids of the queries that teachers judge, by their kind as gen-data names it."""
    return frozenset(
        str(row.get("_id")) for row in read_jsonl(path) if is_for_others(str(row.get("type") or ""))
    )
