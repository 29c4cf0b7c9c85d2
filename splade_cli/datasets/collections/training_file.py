"""A training file as a collection: its texts are the corpus, the positives of its rows are relevant."""

from __future__ import annotations

from pathlib import Path

from splade_cli.datasets.collections.collection import Collection
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.records import Document


def from_examples(path: Path) -> Collection:
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
