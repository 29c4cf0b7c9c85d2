"""Human queries with their judgements in, training files out: hard negatives are mined, teacher scores stand beside.

What people judged relevant is never a negative, and never scored below one. Writes the files of `training.generated`.
Knows no query writing and no training.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.collections import write_qrels
from splade_cli.datasets.examples import write_examples
from splade_cli.errors import require_positive
from splade_cli.files import write_json, write_jsonl
from splade_cli.generation.judged_queries import Judged, Labelled, split_queries
from splade_cli.generation.negatives import Mined, fused
from splade_cli.generation.output import Generated
from splade_cli.generation.pipeline import TEACHER_DEPTH, check_output, teacher_searches
from splade_cli.generation.teachers import dense_teacher
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Example, Progress, silent

HUMAN = "human"
PART = 256


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
        labelled: from `judgements.judged_collection` or `judged_rows`.
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
        examples[bool(query.validation)].append(
            replace(row, query_type=HUMAN, source=source, chunk_id=source)
        )
    write_jsonl(
        output / "corpus.jsonl",
        ({**chunk.metadata, "_id": chunk.id, "title": "", "text": chunk.content} for chunk in chunks),
    )
    write_jsonl(
        output / "queries.jsonl", ({"_id": one.id, "text": one.text, "type": HUMAN} for one in queries)
    )
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
    write_json(
        output / "report.json", {**summary, "skipped": [vars(one) for one in planned.skipped], "seed": seed}
    )
    return made
