"""Test collections: documents, queries and relevance judgements.

A folder in BEIR's layout, where corpus.jsonl may be a folder documents/ instead (ids are paths in it):

    corpus.jsonl {"_id", "title", "text"}
    queries.jsonl {"_id", "text"}
    qrels/<split>.tsv   query-id  corpus-id  score

or a training file, whose documents are the corpus and whose positives are relevant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.formats.beir import read_corpus, read_queries
from splade_cli.datasets.formats.trec import Qrels, read_qrels
from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Document
from splade_cli.storage.checksums import warn_of_changes


@dataclass(frozen=True)
class Collection:
    """Documents, the judged queries of one split, and their grades ``qrels[query][document]``.

    `chunked` says that documents are to be split into chunks and scored by their best one.
    """

    name: str
    split: str
    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels
    chunked: bool = False

    @cached_property
    def twins(self) -> frozenset[str]:
        """Ids of queries that are documents themselves, as in ArguAna and Quora: the same words under one id.

        Such a document is no result of its query, unless it is judged to be one: BEIR and MTEB leave it out.
        """
        twins = set()
        for document in self.documents:
            query = self.queries.get(document.id)
            if query is None or self.qrels.get(document.id, {}).get(document.id, 0) > 0:
                continue
            if " ".join(query.split()) in " ".join(f"{document.title} {document.text}".split()):
                twins.add(document.id)
        return frozenset(twins)


def load_collection(path: Path, split: str = "test") -> Collection:
    """A collection from a folder or a training file.

    Raises:
        InputError: missing files, an unknown split, or no query with a relevant document in the corpus.
    """
    if path.is_file():
        return _from_examples(path)
    if not path.is_dir():
        raise InputError(f"no such file or folder: {path}", "give a BEIR folder or a training file")
    _check_files(path, split)
    warn_of_changes(path, "corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")
    chunked = not (path / "corpus.jsonl").is_file()
    if chunked:
        documents = read_documents(path / "documents").documents
    else:
        documents = read_corpus(path / "corpus.jsonl")
    qrels = read_qrels(path / "qrels" / f"{split}.tsv")
    queries = {
        query_id: text for query_id, text in read_queries(path / "queries.jsonl").items() if query_id in qrels
    }
    _check_ids(path, split, {document.id for document in documents}, queries, qrels)
    judged = {query_id: qrels[query_id] for query_id in queries}
    return Collection(path.resolve().name, split, documents, queries, judged, chunked)


def _check_files(path: Path, split: str) -> None:
    available = sorted(file.stem for file in (path / "qrels").glob("*.tsv"))
    if not (path / "queries.jsonl").is_file() or not available:
        raise InputError(
            f"{path} is no collection: it needs queries.jsonl and qrels/<split>.tsv",
            "the layout is BEIR's; `splade gen-data DOCS -o DIR` writes one",
        )
    if split not in available:
        raise InputError(
            f"{path} has no split '{split}', only {', '.join(available)}: no qrels/{split}.tsv",
            did_you_mean(split, available) or "name one of them",
        )
    if not (path / "corpus.jsonl").is_file() and not (path / "documents").is_dir():
        raise InputError(f"{path} has neither corpus.jsonl nor a folder documents/", "the layout is BEIR's")


def _from_examples(path: Path) -> Collection:
    """Every text of a training file as a document, and each row's positive as relevant to its query."""
    document_ids: dict[str, str] = {}
    query_ids: dict[str, str] = {}
    qrels: Qrels = {}
    for example in read_examples(path):
        for text in (example.positive, *example.negatives):
            document_ids.setdefault(text, f"d{len(document_ids) + 1}")
        query_id = query_ids.setdefault(example.query, f"q{len(query_ids) + 1}")
        qrels.setdefault(query_id, {})[document_ids[example.positive]] = 1
    documents = [Document(document_id, text) for text, document_id in document_ids.items()]
    queries = {query_id: text for text, query_id in query_ids.items()}
    return Collection(path.name, "file", documents, queries, qrels)


def _check_ids(path: Path, split: str, known: set[str], queries: dict[str, str], qrels: Qrels) -> None:
    if not queries:
        raise InputError(
            f"no query of {path}/qrels/{split}.tsv is in queries.jsonl", "compare their query ids"
        )
    if not any(document in known for grades in qrels.values() for document in grades):
        example = next(iter(next(iter(qrels.values()))), "")
        raise InputError(
            f"no judged document of {path}/qrels/{split}.tsv is in the corpus, e.g. '{example}'",
            "compare the ids",
        )
