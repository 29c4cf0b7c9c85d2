"""A test collection: documents, queries and relevance judgements, as evaluation takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from splade_cli.datasets.formats.trec import Qrels
from splade_cli.errors import InputError
from splade_cli.records import Document


@dataclass(frozen=True)
class Collection:
    """Documents, the judged queries of one split, and their grades ``qrels[query][document]``.

    Attributes:
        chunked: documents are to be split into chunks and scored by their best one.
        notes: what was decided when it was read, in sentences.
    """

    name: str
    split: str
    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels
    chunked: bool = False
    notes: tuple[str, ...] = ()

    @cached_property
    def twins(self) -> frozenset[str]:
        """Ids of queries that a document has too, as in ArguAna and Quora.

        Such a document is no result of its query, as BEIR and MTEB have it, unless it is judged to be one.
        """
        known = {document.id for document in self.documents}
        return frozenset(
            query for query in self.queries if query in known and self.qrels.get(query, {}).get(query, 0) <= 0
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids of documents, queries and grades: evaluations that can be compared share it."""
        digest = sha256()
        for document in sorted(document.id for document in self.documents):
            digest.update(f"d\t{document}\n".encode("utf-8", "surrogatepass"))
        for query in sorted(self.queries):
            digest.update(f"q\t{query}\t{self.queries[query]}\n".encode("utf-8", "surrogatepass"))
            for document, grade in sorted(self.qrels.get(query, {}).items()):
                digest.update(f"j\t{document}\t{grade:g}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def require_relevant(collection: Collection) -> Collection:
    """The collection. Raises InputError where no judgement of it calls a document relevant."""
    if any(grade > 0 for grades in collection.qrels.values() for grade in grades.values()):
        return collection
    raise InputError(
        f"no query has a relevant document: no grade of {collection.name} ({collection.split}) is above 0",
        "relevant documents have the grade 1 or more; is the grade the last column?",
    )
