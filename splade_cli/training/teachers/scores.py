"""Training rows in, the same rows with a teacher's scores out; knows no student, no loss and no training file.

A teacher is a cross-encoder, a dense model, another sparse encoder, BM25 over the rows' documents, or several of them.
What a model computed is kept on disk window by window, so that no text or pair is computed twice, killed or not.

Scale: min-max over a row's few documents alone says 1 and 0 whatever the teacher thinks of them. So a query's scores
lie between the best and the DEPTH-th best of its own documents and a background of others, cut off at 0: what is no
better than search finds for anything scores 0, as in `corpus.negatives.fused`, so that temperatures, and the 0 of a
batch's other documents, mean the same for both. The background is up to BACKGROUND documents of the rows where a score
is a product; for cross-encoders, whose scores compare between queries, PAIRS random pairs serve all queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError, require_positive
from splade_cli.records import Example, Progress, silent
from splade_cli.training.teachers.models import Scores, documents_of, judging, kind_of

FalseNegatives = Literal["keep", "drop", "relabel"]
CEILING = 0.95
DEPTH = 100


@dataclass(frozen=True)
class TeacherReport:
    """What scoring did.

    Attributes:
        scored, carried, bare: rows that got scores, came with scores and kept them, or have no negatives.
        computed, reused: texts and pairs that went through a model, and that were found in the cache.
        false_negatives: negatives with a score of at least CEILING of their positive's, before anything was done.
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
    cache: Path,
    *,
    false_negatives: FalseNegatives = "keep",
    rescore: bool = False,
    raw: bool = False,
    device: str = "auto",
    batch_size: int = 32,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
    progress: Progress = silent,
) -> tuple[list[Example], TeacherReport]:
    """Rows with `scores`, in their order; none is lost, and those without negatives stay as they are.

    Args:
        teachers: names as `kind_of` reads them; the scores of several are averaged.
        cache: folder of what the teachers computed, a file each; a second process waits for the first.
        false_negatives: see `settled`.
        rescore: score rows anew that carry scores; they are not touched otherwise.
        raw: the scores of one teacher as it gives them (a cross-encoder's logits, products of vectors) instead of
            scaled to [0, 1]; what is a false negative is decided by scaled scores all the same.
        device, batch_size, trust_remote_code, allow_pickle: of the teachers' models.

    Raises:
        InputError: no teacher, several with `raw`, an unknown option, or a cache that cannot be read or written; what
            was computed before stays in it.
        ModelError: a teacher that cannot be found, read or used.
    """
    require_positive(batch_size=batch_size)
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
    kinds = [kind_of(name) for name in teachers]
    places = [place for place, row in enumerate(rows) if row.negatives and (rescore or row.scores is None)]
    todo = [rows[place] for place in places]
    documents = list(dict.fromkeys(text for row in rows for text in documents_of(row)))
    options = {"device": device, "trust_remote_code": trust_remote_code, "allow_pickle": allow_pickle}
    counts: Counter[str] = Counter()
    judgements = [np.zeros(1 + len(row.negatives)) for row in todo]
    labels = judgements
    for name, (kind, source) in zip(teachers, kinds, strict=True) if todo else ():
        with judging(kind, source, documents, cache, batch_size, options) as judge:
            counts.update(judge.learn(todo, partial(progress, f"teacher {name}")))
            own = []
            for place, (mine, background) in enumerate(judge.judge(todo)):
                own.append(mine)
                judgements[place] = judgements[place] + scaled(mine, background) / len(teachers)
                progress(f"scores of {name}", place + 1, len(todo))
        labels = own if raw else judgements
    result = list(rows)
    for place, judgement, label in zip(places, judgements, labels, strict=True):
        result[place], found = settled(rows[place], judgement, false_negatives, label)
        counts.update(found)
    bare = sum(not row.negatives for row in rows)
    return result, TeacherReport(tuple(teachers), len(todo), len(rows) - len(todo) - bare, bare, **counts)


def scaled(own: Scores, background: Scores) -> Scores:
    """Scores `own` [n] on [0, 1]: 1 is the best, 0 the DEPTH-th best (or the last) of both, and all below it.

    Where all are equal the teacher knows nothing, and all are 0.
    """
    every = np.sort(np.concatenate([own, background]))[::-1]
    high, low = every[0], every[min(DEPTH, len(every)) - 1]
    return np.clip((own - low) / (high - low), 0.0, 1.0) if high > low else np.zeros(len(own))


def settled(
    row: Example, scores: Scores, treatment: FalseNegatives, labels: Scores | None = None
) -> tuple[Example, dict[str, int]]:
    """The row with its scores, false negatives treated; and counts as named in `TeacherReport`.

    A false negative has a score above 0 that is at least CEILING of the positive's (2407.15831).

    - keep: all stay as they are.
    - drop: they are taken out; a row that has none left is one without negatives, and carries no scores.
    - relabel: they stay, their label is their score, and where the best of them scores above the positive the two
      change places. For a loss that uses the labels: a contrastive one would push the old positive away.

    Args:
        scores: on [0, 1], positive first; they decide.
        labels: what the row carries in the end, `scores` by default.
    """
    labels = scores if labels is None else labels
    false = (scores[1:] >= CEILING * scores[0]) & (scores[1:] > 0)
    best = int(np.argmax(scores))
    beaten = bool(scores[best] > scores[0])
    documents, order = documents_of(row), list(range(len(scores)))
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

    def reordered(notes: tuple[str, ...]) -> tuple[str, ...]:
        return (
            tuple(notes[old - 1] if old else "" for old in order[1:])
            if len(notes) == len(row.negatives)
            else notes
        )

    made = replace(
        row,
        positive=documents[order[0]],
        negatives=tuple(documents[old] for old in order[1:]),
        scores=tuple(float(labels[old]) for old in order) if len(order) > 1 else None,
        explanations=reordered(row.explanations),
        strategies=reordered(row.strategies),
    )
    return made, counts


def margin_scale(
    rows: Sequence[Example], encode: Callable[[Sequence[str], str], sp.csr_matrix], sample: int = 256
) -> float:
    """What the labels of MarginMSE are multiplied by, so that teacher margins are of the size of a student's.

    MarginMSE (Hofstätter et al. 2020, arXiv 2010.02666) compares margins as they are; a teacher on [0, 1] would ask a
    student whose products reach 30 to shrink. The result is the ratio of root mean squares of s(q, d+) - s(q, d-) over
    up to `sample` rows with scores; 1 where there is nothing to compare.

    Args:
        encode: the untrained student's, e.g. `SpladeEmbedder.encode`.
    """
    able = [row for row in rows if row.scores is not None and row.negatives]
    able = able[:: max(1, len(able) // sample)][:sample]
    if not able:
        return 1.0
    counts = [len(row.negatives) for row in able]
    queries = encode([row.query for row in able], "query")
    positives = encode([row.positive for row in able], "document")
    negatives = encode([text for row in able for text in row.negatives], "document")
    owner = np.repeat(np.arange(len(able)), counts)
    student = np.asarray(queries[owner].multiply(positives[owner] - negatives).sum(axis=1)).ravel()
    teacher = np.array([row.scores[0] - score for row in able if row.scores for score in row.scores[1:]])
    sizes = float(np.sqrt(np.mean(student**2))), float(np.sqrt(np.mean(teacher**2)))
    return sizes[0] / sizes[1] if all(sizes) else 1.0
