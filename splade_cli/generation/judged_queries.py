"""Human queries and what people judged relevant, read over a collection whose documents stay whole, and split.

Knows no teacher, no mining and no training file that is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.datasets.collections import Qrels, load_collection, read_qrels, read_queries
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.sources import held_out
from splade_cli.errors import InputError
from splade_cli.generation.output import Plan
from splade_cli.index.bm25.search import guess_language
from splade_cli.records import Chunk, Document, Example

VALIDATION_SPLITS = ("dev", "val", "validation")


@dataclass(frozen=True)
class Judged:
    """One query; `grades` by row of the document, above 0 is relevant. `validation` None: no split has decided."""

    id: str
    text: str
    grades: dict[int, int]
    validation: bool | None = None

    @property
    def key(self) -> str:
        """Equal for the same question under two ids."""
        return " ".join(self.text.casefold().split())

    @property
    def relevant(self) -> list[int]:
        """Rows of the relevant documents."""
        return [row for row, grade in self.grades.items() if grade > 0]


@dataclass(frozen=True)
class Labelled:
    """Documents, one chunk each, and the judged queries over them; `dropped` counts what could not be used."""

    planned: Plan
    queries: list[Judged]
    dropped: Counter[str] = field(default_factory=Counter)


def judged_collection(folder: Path, split: str, language: str | None = None) -> Labelled:
    """The queries of one split of a BEIR folder; those of a dev or val split beside it are for validation.

    Raises:
        InputError: no such collection or split, or no query with a relevant document.
    """
    if folder.is_file():
        raise InputError(
            f"--qrels needs a BEIR folder, {folder} is a file", "rows with positives go to --queries FILE"
        )
    collection = load_collection(folder, split)
    every = read_queries(folder / "queries.jsonl")
    beside = [
        name for name in VALIDATION_SPLITS if name != split and (folder / "qrels" / f"{name}.tsv").is_file()
    ]
    parts: list[tuple[Qrels, bool | None]] = [(collection.qrels, False if beside else None)]
    parts += [(read_qrels(folder / "qrels" / f"{name}.tsv"), True) for name in beside[:1]]
    return _labelled(collection.documents, [], every, parts, language)


def judged_rows(documents: Path, rows: Path, language: str | None = None) -> Labelled:
    """The queries of a file of rows as `corpus.dataset` reads them, over `documents` and the texts of the rows.

    Args:
        documents: a file or folder; the same path as `rows` takes the texts of the rows alone.
        rows: query and positive document, perhaps negatives, which count as judged not relevant.

    Raises:
        InputError: as reading documents and rows does.
    """
    examples = read_examples(rows)
    alone = documents.resolve() == rows.resolve()
    reading = None if alone else read_documents(documents)
    found = reading.documents if reading else []
    ids: dict[str, str] = {}
    for document in found:
        for text in (document.text, _content(document)):
            ids.setdefault(" ".join(text.split()), document.id)
    every = list(found)
    queries: dict[str, str] = {}
    qrels: Qrels = {}
    numbers: dict[str, str] = {}
    for example in examples:
        query = numbers.setdefault(example.query, f"q{len(numbers) + 1}")
        queries[query] = example.query
        for grade, texts in ((0, example.negatives), (1, (example.positive,))):
            for text in texts:
                key = " ".join(text.split())
                if key not in ids:
                    ids[key] = f"{rows.name}#{len(every) - len(found) + 1}"
                    every.append(Document(ids[key], text))
                grades = qrels.setdefault(query, {})
                grades[ids[key]] = max(grade, grades.get(ids[key], 0))
    return _labelled(every, reading.skipped if reading else [], queries, [(qrels, None)], language)


def split_queries(queries: Sequence[Judged], groups: Sequence[int], share: float, seed: int) -> list[Judged]:
    """The queries with `validation` decided, where no split has done so.

    Args:
        groups: of each document; queries with relevant documents of one group come to the same side.
        share: of the pairs of query and relevant document, at most.
    """
    open_ = [query for query in queries if query.validation is None]
    pairs = [
        Example(query.key, f"\0{groups[row]}", chunk_id=str(number))
        for number, query in enumerate(open_)
        for row in query.relevant
    ]
    chosen = {row.chunk_id for row in held_out(pairs, (1 - share, share, 0.0), str(seed))[1]}
    decided = {query.id: str(number) in chosen for number, query in enumerate(open_)}
    return [replace(query, validation=decided.get(query.id, query.validation)) for query in queries]


def _labelled(
    documents: Sequence[Document],
    skipped: list[Skipped],
    texts: Mapping[str, str],
    parts: Iterable[tuple[Qrels, bool | None]],
    language: str | None,
) -> Labelled:
    chunks = [
        Chunk(one.id, one.id, one.text, one.title, end=len(one.text), metadata=one.metadata)
        for one in documents
        if one.text.strip() or one.title.strip()
    ]
    rows = {chunk.id: row for row, chunk in enumerate(chunks)}
    dropped: Counter[str] = Counter()
    queries: dict[str, Judged] = {}
    for qrels, validation in parts:
        for number, grades in qrels.items():
            known = {rows[document]: grade for document, grade in grades.items() if document in rows}
            if number in queries:
                dropped["in two splits"] += 1
            elif not texts.get(number, "").strip():
                dropped["has no text"] += 1
            elif not any(grade > 0 for grade in known.values()):
                dropped["has no relevant document"] += 1
            else:
                queries[number] = Judged(number, texts[number], known, validation)
    if not any(query.validation is not True for query in queries.values()):
        raise InputError(
            "no query has a relevant document in the collection", "compare the ids of qrels and corpus"
        )
    language = language or guess_language([chunk.text for chunk in chunks])
    return Labelled(Plan(list(documents), skipped, chunks, language), list(queries.values()), dropped)


def _content(document: Document) -> str:
    return Chunk(document.id, document.id, document.text, document.title).content
