"""Human queries with their judgements in, training files out: hard negatives are mined, teacher scores stand beside.

The collection's documents stay whole. What people judged relevant is never a negative, and never below one. Writes the
files of `training.generated`. Knows no query writing and no training.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from splade_cli.corpus.collections import Qrels, load_collection, read_qrels, read_queries, write_qrels
from splade_cli.corpus.dataset import read_examples, write_examples
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.corpus.filters import duplicate_groups
from splade_cli.corpus.negatives import Mined, fused
from splade_cli.corpus.sources import held_out
from splade_cli.errors import InputError, require_positive
from splade_cli.index.lexical import guess_language
from splade_cli.records import Chunk, Document, Example, Progress, silent, write_json, write_jsonl
from splade_cli.search.encoder import SpladeEmbedder
from splade_cli.training.generated import Generated, Plan
from splade_cli.training.generation import TEACHER_DEPTH, check_output, teacher_searches
from splade_cli.training.rankers import dense_teacher

HUMAN = "human"
VALIDATION_SPLITS = ("dev", "val", "validation")
PART = 256


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
        raise InputError(f"--qrels needs a BEIR folder, {folder} is a file", "rows with positives go to --queries FILE")
    collection = load_collection(folder, split)
    every = read_queries(folder / "queries.jsonl")
    beside = [name for name in VALIDATION_SPLITS if name != split and (folder / "qrels" / f"{name}.tsv").is_file()]
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


def label_training_data(
    labelled: Labelled,
    output_dir: str | Path,
    *,
    model: str | SpladeEmbedder | None = "auto",
    teacher: str = "auto",
    negatives: int = 5,
    ceiling: float | None = 0.95,
    device: str = "auto",
    val_ratio: float = 0.1,
    seed: int = 42,
    force: bool = False,
    progress: Progress = silent,
) -> Generated:
    """Makes training data from judged queries: a row for each query and each of its relevant documents.

    Args:
        labelled: from `judged_collection` or `judged_rows`.
        ceiling: see `mine_judged`.
        val_ratio: share of the rows that go to validation where the collection has no split for it; queries that
            share a relevant document, or a near-duplicate of one, stay together.

    The others are those of `generation.generate_training_data`, and so are the errors.
    """
    require_positive(negatives=negatives)
    output, chunks = Path(output_dir), labelled.planned.chunks
    check_output(output, val_ratio, force)
    progress("chunk", len(chunks), len(chunks))
    dense = dense_teacher(teacher, labelled.planned.language)
    searches = teacher_searches(chunks, model, dense, device, output / ".work", progress)
    groups = duplicate_groups([chunk.content for chunk in chunks])
    queries = split_queries(labelled.queries, groups, val_ratio, seed)
    alike: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        alike.setdefault(group, []).append(row)
    excluded: dict[str, set[int]] = {}
    for query in queries:
        near = (other for row in query.relevant for other in alike[groups[row]])
        excluded.setdefault(query.key, set()).update(near)
    depth = min(TEACHER_DEPTH, len(chunks))
    mined: list[tuple[Judged, int, Mined]] = []
    for start in range(0, len(queries), PART):
        part = queries[start : start + PART]
        rankings = [search([query.text for query in part], depth) for search in searches.values()]
        for place, query in enumerate(part):
            scores = fused([(rows[place], values[place]) for rows, values in rankings])
            for positive in query.relevant:
                found = mine_judged(
                    scores,
                    positive,
                    count=negatives,
                    ceiling=ceiling,
                    excluded=frozenset(excluded[query.key]),
                    irrelevant=frozenset(query.grades) - excluded[query.key],
                    draw=random.Random(f"{seed}|{query.text}|{chunks[positive].id}"),
                )
                mined.append((query, positive, found))
        progress("mine negatives", min(start + PART, len(queries)), len(queries))
    made = _write(output, labelled, queries, mined, tuple(searches), seed)
    shutil.rmtree(output / ".work", ignore_errors=True)
    return made


def mine_judged(
    teacher: Mapping[int, float],
    positive: int,
    *,
    count: int,
    depth: int = 20,
    ceiling: float | None = 0.95,
    excluded: frozenset[int] = frozenset(),
    irrelevant: frozenset[int] = frozenset(),
    draw: random.Random | None = None,
) -> Mined:
    """Negatives of a query whose positive a person named, wherever the teacher ranks it.

    Args:
        teacher: row to score, best first, from `negatives.fused`.
        count: negatives wanted; fewer only where the teacher ranks fewer other rows.
        depth: negatives are drawn from the first so many rows that may be one.
        ceiling: a row above this share of the positive's score is passed over, see `negatives.mine`. Where that
            leaves too few, since the teacher ranks the positive low, its last rows make up the number.
        excluded: rows that are never negatives: everything relevant to the query, and near-duplicates of it.
        irrelevant: rows that a person judged not relevant: no ceiling for them.
        draw: as of `negatives.mine`.

    Returns:
        Its first score, the positive's, is at least that of every negative: a person knows better than the teacher.
    """
    own = teacher.get(positive, 0.0)
    limit = float("inf") if ceiling is None else own * ceiling
    others = [row for row in teacher if row != positive and row not in excluded]
    candidates = [row for row in others if row in irrelevant or teacher[row] <= limit][:depth]
    if len(candidates) < count:
        missing = count - len(candidates)
        candidates += [row for row in reversed(others) if row not in set(candidates)][:missing]
    if draw is not None:
        candidates = draw.sample(candidates, min(count, len(candidates)))
    chosen = tuple(candidates[:count])
    scores = [teacher[row] for row in chosen]
    rank = list(teacher).index(positive) + 1 if positive in teacher else 0
    return Mined(chosen, (max([own, *scores]), *scores), rank)


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
        raise InputError("no query has a relevant document in the collection", "compare the ids of qrels and corpus")
    language = language or guess_language([chunk.text for chunk in chunks])
    return Labelled(Plan(list(documents), skipped, chunks, language), list(queries.values()), dropped)


def _content(document: Document) -> str:
    return Chunk(document.id, document.id, document.text, document.title).content


def _write(
    output: Path,
    labelled: Labelled,
    queries: Sequence[Judged],
    mined: Sequence[tuple[Judged, int, Mined]],
    teachers: tuple[str, ...],
    seed: int,
) -> Generated:
    planned, chunks = labelled.planned, labelled.planned.chunks
    examples: dict[bool, list[Example]] = {False: [], True: []}
    for query, positive, found in mined:
        negatives = tuple(chunks[row].content for row in found.negatives)
        row = Example(query.text, chunks[positive].content, negatives, found.scores if negatives else None)
        source = chunks[positive].document_id
        examples[bool(query.validation)].append(replace(row, query_type=HUMAN, source=source, chunk_id=source))
    write_jsonl(
        output / "corpus.jsonl",
        ({**chunk.metadata, "_id": chunk.id, "title": "", "text": chunk.content} for chunk in chunks),
    )
    write_jsonl(output / "queries.jsonl", ({"_id": one.id, "text": one.text, "type": HUMAN} for one in queries))
    for name, validation in (("train", False), ("val", True)):
        side = (query for query in queries if query.validation is validation)
        grades = {query.id: {chunks[row].id: grade for row, grade in query.grades.items()} for query in side}
        write_qrels(output / f"qrels/{name}.tsv", grades)
        write_examples(output / f"{name}.json", examples[validation])
    made = Generated(
        output,
        len(planned.documents),
        len(chunks),
        len(examples[False]),
        len(examples[True]),
        planned.language,
        teachers,
        {HUMAN: len(queries)},
        sum(len(found.negatives) for _, _, found in mined) / len(mined),
        planned.skipped,
        dict(labelled.dropped),
    )
    summary = {key: value for key, value in vars(made).items() if key not in ("output_dir", "skipped")}
    write_json(output / "report.json", {**summary, "skipped": [vars(one) for one in planned.skipped], "seed": seed})
    return made
