"""Collections of the package ir_datasets (ir-datasets.com) by their ids: documents, queries and qrels."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from splade_cli.datasets import OF_IR_DATASETS
from splade_cli.datasets.collections.collection import Collection
from splade_cli.datasets.collections.folder import check_ids
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.errors import InputError, ServiceError
from splade_cli.records import Document

_TITLES = ("title", "headline")
SHOWN = 3
LONGEST_REASON = 200


def from_ir_datasets(name: str) -> Collection:
    """The collection of an id, e.g. ``beir/scifact/test``; it is downloaded where it is not on this machine.

    Raises:
        InputError: the package is not installed, the id is unknown, or it has no judged queries.
        ServiceError: it is not on this machine and cannot be downloaded.
    """
    if find_spec("ir_datasets") is None:
        raise InputError(
            f"{OF_IR_DATASETS}{name} is a collection of the package ir_datasets, which is not installed",
            "pip install ir-datasets, or name a folder in BEIR's layout",
        )
    library = import_module("ir_datasets")
    try:
        dataset = library.load(name)
    except KeyError:
        raise InputError(
            f"ir_datasets knows no '{name}'", "ids stand at https://ir-datasets.com, e.g. beir/scifact/test"
        ) from None
    missing = [part for part in ("docs", "queries", "qrels") if not getattr(dataset, f"has_{part}")()]
    if missing:
        raise InputError(f"'{name}' of ir_datasets has no {', '.join(missing)}", _judged_part(library, name))
    try:
        return _read(name, dataset)
    except (OSError, RuntimeError) as error:
        reason = str(error).split(": Max retries", 1)[0]
        raise ServiceError(
            f"ir_datasets cannot get '{name}': {reason[:LONGEST_REASON]}",
            "it downloads what is not on this machine; or name a folder in BEIR's layout",
        ) from error


def _read(name: str, dataset: Any) -> Collection:
    qrels: Qrels = {}
    for judgement in dataset.qrels_iter():
        qrels.setdefault(str(judgement.query_id), {})[str(judgement.doc_id)] = judgement.relevance
    queries = {}
    for query in dataset.queries_iter():
        if str(query.query_id) in qrels:
            queries[str(query.query_id)] = _query_text(query)
    documents = [_document(each) for each in dataset.docs_iter()]
    check_ids(name, "its queries", {document.id for document in documents}, queries, qrels)
    judged = {query_id: qrels[query_id] for query_id in queries}
    parent, _, split = name.rpartition("/")
    return Collection(parent or name, split, documents, queries, judged)


def _judged_part(library: Any, name: str) -> str:
    """A hint at parts of a dataset that can be measured on."""
    known = [each for each in sorted(library.registry) if each.startswith(f"{name}/")]
    judged = [each for each in known if library.load(each).has_qrels()][:SHOWN]
    return f"name a part of it: {', '.join(judged)}" if judged else "ids stand at https://ir-datasets.com"


def _document(row: Any) -> Document:
    title = ""
    for name in _TITLES:
        title = title or str(getattr(row, name, "") or "")
    text = getattr(row, "text", None)
    if not isinstance(text, str):
        text = row.default_text()
    return Document(str(row.doc_id), text, title)


def _query_text(row: Any) -> str:
    """The text of a query; of a topic in several parts the one that its package takes by default."""
    text = getattr(row, "text", None)
    return text if isinstance(text, str) else str(row.default_text())
