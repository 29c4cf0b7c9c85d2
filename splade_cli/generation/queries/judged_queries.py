"""Queries with relevance judgements (qrels): read from BEIR folders and from training rows, and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.options import DEFAULT_READING, ReadingOptions
from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.formats.beir import read_queries
from splade_cli.datasets.formats.trec import Qrels, read_qrels
from splade_cli.datasets.splits import SplitRatio, held_out
from splade_cli.datasets.teacher_run import HUMAN
from splade_cli.errors import InputError
from splade_cli.generation.corpus import Corpus, whole, whole_corpus
from splade_cli.generation.queries.rejected import LABELS, Rejected, Rejections
from splade_cli.generation.split import SIDES
from splade_cli.progress import Progress, silent
from splade_cli.records import Document, Example

OWN_SPLITS = {"val": ("dev", "val", "validation"), "test": ("test",)}
"""What a collection calls its splits for validation and for testing."""


@dataclass(frozen=True)
class JudgedQuery:
    """A query and the grades of chunks for it.

    Attributes:
        grades: by chunk id; above 0 is relevant.
        type: kind of query, such as ``question``; `HUMAN` for a person's.
        side: train, val or test; None where that is not decided yet.
    """

    id: str
    text: str
    grades: Mapping[str, float]
    type: str = HUMAN
    side: str | None = None

    @property
    def key(self) -> str:
        """Equal for the same question under two ids."""
        return " ".join(self.text.casefold().split())

    @property
    def relevant(self) -> list[str]:
        """Ids of the relevant chunks."""
        return [chunk_id for chunk_id, grade in self.grades.items() if grade > 0]


@dataclass(frozen=True)
class JudgedCorpus:
    """Whole documents and the judged queries over them; `rejected` are those without use."""

    corpus: Corpus
    queries: Sequence[JudgedQuery]
    rejected: Rejections = field(default_factory=Rejections)


def read_judged_split(
    folder: Path, split: str, language: str | None = None, sides: Sequence[str] = ("val",)
) -> JudgedCorpus:
    """The queries of one split of a BEIR folder, and those of splits that it has for other `sides`.

    Raises:
        InputError: no such collection or split, or no query with a relevant document.
    """
    if folder.is_file():
        raise InputError(
            f"judged queries are those of a BEIR folder, {folder} is a file",
            "rows of query and positive_document are another source: Rows(path)",
        )
    collection = load_collection(folder, split)
    texts = read_queries(folder / "queries.jsonl")
    own: list[tuple[Qrels, str | None]] = []
    for side in sides:
        names = [name for name in OWN_SPLITS[side] if name != split]
        files = [path for name in names if (path := folder / "qrels" / f"{name}.tsv").is_file()]
        if files:
            own.append((read_qrels(files[0]), side))
    is_split = len(own) == len(sides)
    splits = [(collection.qrels, "train" if is_split else None), *own]
    return _judged_corpus(whole_corpus(collection.documents, [], language), texts, splits)


def read_judged_rows(
    documents: Path,
    rows: Path,
    language: str | None = None,
    reading_options: ReadingOptions = DEFAULT_READING,
    progress: Progress = silent,
) -> JudgedCorpus:
    """The queries of a file of training rows, over `documents` and the texts of the rows.

    Args:
        documents: a file or folder; the same path as `rows` takes the texts of the rows alone.
        rows: query and positive document, perhaps negatives, which count as judged not relevant.
        reading_options, progress: see `corpus.documents.iterate_documents`.

    Raises:
        InputError: as reading documents and rows does.
    """
    examples = read_examples(rows)
    collected: list[Document] = []
    skipped = []
    if documents.resolve() != rows.resolve():
        reading = read_documents(documents, reading_options, progress=progress)
        collected.extend(reading.documents)
        skipped = reading.skipped
    pool = _DocumentPool(collected, rows.name)
    texts: dict[str, str] = {}
    query_ids: dict[str, str] = {}
    qrels: Qrels = {}
    for example in examples:
        query_id = query_ids.setdefault(example.query, f"q{len(query_ids) + 1}")
        texts[query_id] = example.query
        grades = qrels.setdefault(query_id, {})
        for grade, judged in ((0, example.negatives), (1, (example.positive,))):
            for text in judged:
                document_id = pool.id_of(text)
                grades[document_id] = max(grade, grades.get(document_id, 0))
    return _judged_corpus(whole_corpus(pool.documents, skipped, language), texts, [(qrels, None)])


def split_queries(
    queries: Sequence[JudgedQuery], groups: Mapping[str, int], ratio: SplitRatio, seed: int
) -> list[JudgedQuery]:
    """The queries with their side decided, where no split of the collection has done so.

    Args:
        groups: of each document; queries with relevant documents of one group come to the same side.
        ratio: shares of the pairs of query and relevant document; at most for validation and test. A side
            that the collection has a split for gets no more.
    """
    undecided = [query for query in queries if query.side is None]
    decided_sides = {query.side for query in queries}
    val = 0.0 if "val" in decided_sides else ratio[1]
    test = 0.0 if "test" in decided_sides else ratio[2]
    pairs = []
    for number, query in enumerate(undecided):
        for document_id in query.relevant:
            pairs.append(Example(query.key, f"\0{groups[document_id]}", chunk_id=str(number)))
    decided: dict[str, str] = {}
    for side, held in zip(SIDES, held_out(pairs, (1 - val - test, val, test), str(seed)), strict=True):
        for pair in held:
            decided[undecided[int(pair.chunk_id)].id] = side
    return [replace(query, side=decided.get(query.id, query.side)) for query in queries]


class _DocumentPool:
    """Documents by their text, blanks aside; a text that is not among them is added."""

    def __init__(self, documents: Iterable[Document], name: str) -> None:
        self.documents = list(documents)
        self._name = name
        self._added = 0
        self._by_text: dict[str, str] = {}
        self._ids = {document.id for document in self.documents}
        for document in self.documents:
            for text in (document.text, whole(document).content):
                self._by_text.setdefault(_key(text), document.id)

    def id_of(self, text: str) -> str:
        """The id of the document with this text."""
        key = _key(text)
        if key not in self._by_text:
            self._by_text[key] = self._new_id()
            self.documents.append(Document(self._by_text[key], text))
        return self._by_text[key]

    def _new_id(self) -> str:
        while True:
            self._added += 1
            document_id = f"{self._name}#{self._added}"
            if document_id not in self._ids:
                return document_id


def _key(text: str) -> str:
    return " ".join(text.split())


def _judged_corpus(
    corpus: Corpus, texts: Mapping[str, str], splits: Iterable[tuple[Qrels, str | None]]
) -> JudgedCorpus:
    ids = {chunk.id for chunk in corpus.chunks}
    rejected = Rejections()
    queries: dict[str, JudgedQuery] = {}
    for qrels, side in splits:
        for query_id, judged in qrels.items():
            grades = {document_id: grade for document_id, grade in judged.items() if document_id in ids}
            reason = ""
            if query_id in queries:
                reason = "in two splits"
            elif not texts.get(query_id, "").strip():
                reason = "has no text"
            elif not any(grade > 0 for grade in grades.values()):
                reason = "has no relevant document"
            if reason:
                text = texts.get(query_id, "")
                rejected.add(reason, Rejected(text, "", LABELS, f"the query {query_id} {reason}"))
            else:
                queries[query_id] = JudgedQuery(query_id, texts[query_id], grades, side=side)
    if all(query.side in OWN_SPLITS for query in queries.values()):
        raise InputError(
            "no query has a relevant document in the collection", "compare the ids of qrels and corpus"
        )
    return JudgedCorpus(corpus, list(queries.values()), rejected)
