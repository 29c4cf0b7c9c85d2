"""Teacher scores of training rows, on a scale that means the same for every query.

A teacher is a cross-encoder, a dense model, another sparse encoder, BM25 over the rows' documents, or several
of them. What a model computed is cached, so that no text or pair is computed twice, killed or not.

Scale: min-max over a row's few documents alone says 1 and 0 whatever the teacher thinks of them. So a query's
scores lie between the best and the DEPTH-th best of its own documents and a background of others, cut off at
0: what is no better than search finds for anything scores 0, as it does in the mining of negatives, so that
temperatures, and the 0 of a batch's other documents, mean the same for both. The background is up to
BACKGROUND documents of the rows where a score is a product; for cross-encoders, whose scores compare between
queries, PAIRS random pairs serve all queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Example
from splade_cli.storage.cache import Cache
from splade_cli.training.teachers.kinds import kind_of
from splade_cli.training.teachers.models import Scores, documents_of, open_teacher

FalseNegatives = Literal["keep", "drop", "relabel"]
CEILING = 0.95
"""Share of the positive's score from which on a negative counts as a false one (2407.15831)."""
DEPTH = 100
BATCH_SIZE = 32


@dataclass(frozen=True)
class TeacherReport:
    """What scoring did.

    Attributes:
        scored, carried, bare: rows that got scores, came with scores and kept them, or have no negatives.
        computed, reused: texts and pairs that went through a model, and that the cache had.
        false_negatives: negatives with a score of at least CEILING of their positive's, before anything was
            done.
        beaten: rows where a negative scores above the positive.
        removed, swapped: negatives dropped, and rows whose positive changed place with a better negative.
    """

    teachers: tuple[str, ...]
    scored: int = 0
    carried: int = 0
    bare: int = 0
    computed: int = 0
    reused: int = 0
    false_negatives: int = 0
    beaten: int = 0
    removed: int = 0
    swapped: int = 0


def scored(
    rows: Sequence[Example],
    teachers: Sequence[str],
    cache: Cache,
    options: ModelOptions | None = None,
    *,
    false_negatives: FalseNegatives = "keep",
    rescore: bool = False,
    raw: bool = False,
    progress: Progress = silent,
) -> tuple[list[Example], TeacherReport]:
    """Rows with `scores`, in their order; none is lost, and those without negatives stay as they are.

    Args:
        teachers: names as `kind_of` reads them; the scores of several are averaged.
        cache: of what the teachers computed.
        options: how to open the teachers' models.
        false_negatives: see `settled`.
        rescore: score rows anew that carry scores; they are not touched otherwise.
        raw: the scores of one teacher as it gives them (a cross-encoder's logits, products of vectors)
            instead of scaled to [0, 1]; what is a false negative is decided by scaled scores all the same.

    Raises:
        InputError: no teacher, several with `raw`, an unknown option, or a cache that cannot be read or
            written; what was computed before stays in it.
        ModelError: a teacher that cannot be found, read or used.
    """
    _check(teachers, raw, false_negatives)
    options = options or ModelOptions(batch_size=BATCH_SIZE)
    kinds = [kind_of(name) for name in teachers]
    numbers = [number for number, row in enumerate(rows) if row.negatives and (rescore or row.scores is None)]
    todo = [rows[number] for number in numbers]
    documents = list(dict.fromkeys(text for row in rows for text in documents_of(row)))
    counts: Counter[str] = Counter()
    means = [np.zeros(1 + len(row.negatives)) for row in todo]
    raw_scores: list[Scores] = []
    for name, (kind, source) in zip(teachers, kinds, strict=True) if todo else ():
        teacher = open_teacher(kind, source, documents, cache, options)
        counts.update(asdict(teacher.compute(todo, partial(progress, f"teacher {name}"))))
        raw_scores.clear()
        for number, (own, background) in enumerate(teacher.scores(todo)):
            raw_scores.append(own)
            means[number] = means[number] + scaled(own, background) / len(teachers)
            progress(f"scores of {name}", number + 1, len(todo))
    labels = raw_scores if raw else means
    result = list(rows)
    for number, mean, label in zip(numbers, means, labels, strict=True):
        result[number], changes = settled(rows[number], mean, false_negatives, label)
        counts.update(changes)
    bare = sum(not row.negatives for row in rows)
    carried = len(rows) - len(todo) - bare
    return result, TeacherReport(tuple(teachers), len(todo), carried, bare, **counts)


def _check(teachers: Sequence[str], raw: bool, false_negatives: str) -> None:
    if not teachers:
        raise InputError("no teacher named", "e.g. all-MiniLM-L6-v2, bm25, a folder or a hub id")
    if raw and len(teachers) > 1:
        raise InputError(
            f"raw scores of {len(teachers)} teachers have no common scale", "name one teacher, or scale"
        )
    if false_negatives not in get_args(FalseNegatives):
        raise InputError(
            f"unknown treatment of false negatives '{false_negatives}'",
            f"one of {', '.join(get_args(FalseNegatives))}",
        )


def scaled(own: Scores, background: Scores) -> Scores:
    """Scores `own` [n] on [0, 1]: 1 is the best, 0 the DEPTH-th best (or the last) of both, and all below it.

    Where all are equal the teacher knows nothing, and all are 0.
    """
    every = np.sort(np.concatenate([own, background]))[::-1]
    high = every[0]
    low = every[min(DEPTH, len(every)) - 1]
    if high <= low:
        return np.zeros(len(own))
    on_scale: Scores = np.clip((own - low) / (high - low), 0.0, 1.0)
    return on_scale


def settled(
    row: Example, scores: Scores, treatment: FalseNegatives, labels: Scores | None = None
) -> tuple[Example, dict[str, int]]:
    """The row with its scores, false negatives treated; and counts as named in `TeacherReport`.

    A false negative has a score above 0 that is at least CEILING of the positive's.

    - keep: all stay as they are. - drop: they are taken out; a row that has none left is one without
    negatives, and carries no scores. - relabel: they stay, their label is their score, and where the best of
    them scores above the positive the two
      change places. For a loss that uses the labels: a contrastive one would push the old positive away.

    Args:
        scores: on [0, 1], positive first; they decide.
        labels: what the row carries in the end, `scores` by default.
    """
    labels = scores if labels is None else labels
    false = (scores[1:] >= CEILING * scores[0]) & (scores[1:] > 0)
    best = int(np.argmax(scores))
    beaten = bool(scores[best] > scores[0])
    documents = documents_of(row)
    order = list(range(len(scores)))
    if treatment == "drop":
        order = [0, *(1 + np.flatnonzero(~false)).tolist()]
    elif treatment == "relabel" and beaten:
        order[0], order[best] = best, 0
    counts = {
        "false_negatives": int(false.sum()),
        "beaten": int(beaten),
        "removed": len(scores) - len(order),
        "swapped": int(order[0] != 0),
    }

    settled_row = replace(
        row,
        positive=documents[order[0]],
        negatives=tuple(documents[old] for old in order[1:]),
        scores=tuple(float(labels[old]) for old in order) if len(order) > 1 else None,
        explanations=_reordered(row.explanations, order, len(row.negatives)),
        strategies=_reordered(row.strategies, order, len(row.negatives)),
    )
    return settled_row, counts


def _reordered(notes: tuple[str, ...], order: Sequence[int], negatives: int) -> tuple[str, ...]:
    """Notes on negatives in the new order of documents, none on the old positive; other notes stay."""
    if len(notes) != negatives:
        return notes
    by_document = ("", *notes)
    return tuple(by_document[old] for old in order[1:])


def margin_scale(
    rows: Sequence[Example], encode: Callable[[Sequence[str], str], sp.csr_matrix], sample: int = 256
) -> float:
    """What the labels of MarginMSE are multiplied by, so that teacher margins are of the size of a student's.

    MarginMSE (Hofstätter et al. 2020, arXiv 2010.02666) compares margins as they are; a teacher on [0, 1]
    would ask a student whose products reach 30 to shrink. The result is the ratio of root mean squares of
    s(q, d+) - s(q, d-) over up to `sample` rows with scores; 1 where there is nothing to compare.

    Args:
        encode: the untrained student's, e.g. `SpladeEmbedder.encode`.
    """
    comparable = [row for row in rows if row.scores is not None and row.negatives]
    comparable = comparable[:: max(1, len(comparable) // sample)][:sample]
    if not comparable:
        return 1.0
    queries = encode([row.query for row in comparable], "query")
    positives = encode([row.positive for row in comparable], "document")
    negatives = encode([text for row in comparable for text in row.negatives], "document")
    owners = np.repeat(np.arange(len(comparable)), [len(row.negatives) for row in comparable])
    student = np.asarray(queries[owners].multiply(positives[owners] - negatives).sum(axis=1)).ravel()
    teacher = np.array(
        [row.scores[0] - score for row in comparable if row.scores for score in row.scores[1:]]
    )
    student_size = float(np.sqrt(np.mean(student**2)))
    teacher_size = float(np.sqrt(np.mean(teacher**2)))
    if not (student_size and teacher_size):
        return 1.0
    return student_size / teacher_size
