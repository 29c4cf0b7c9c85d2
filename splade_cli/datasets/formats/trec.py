"""TREC's files: relevance judgements (qrels), ranked results (runs) and the order of trec_eval."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from splade_cli.corpus.formats.prose import clean
from splade_cli.errors import InputError
from splade_cli.storage.files import open_text, replacing

Qrels = dict[str, dict[str, float]]
"""Grades: ``qrels[query][document]``, whole numbers as int."""

Run = dict[str, dict[str, float]]
"""Scores: ``run[query][document]``."""

_ENDS_A_CELL = re.compile(r"[\t\n\r]")
_BLANK = re.compile(r"\s")
_HEADERS = ("score", "relevance")
_IDS = ("query-id", "query_id", "qid", "id", "_id")


def read_qrels(path: Path) -> Qrels:
    """Grades from BEIR's ``query-id corpus-id score`` (header line) or TREC's ``query 0 document grade``.

    Raises:
        InputError: a line of another shape, or a grade that is no number; the line is named.
    """
    qrels: Qrels = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            cells = line.split("\t" if "\t" in line else None)
            is_header = number == 1 and bool(cells) and cells[-1].strip() in _HEADERS
            if is_header or not line.strip():
                continue
            try:
                query, document, grade = _judgement(cells)
            except (ValueError, IndexError):
                raise InputError(
                    f"{path}: line {number} is no judgement: {line.strip()!r}",
                    "tab separated: query-id, corpus-id, score; or TREC's: query 0 document grade",
                ) from None
            qrels.setdefault(query, {})[document] = grade
    return qrels


def read_topics(path: Path) -> dict[str, str]:
    """Query texts by id from lines of ``id<TAB>text``. Raises InputError naming a line of another shape."""
    queries: dict[str, str] = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            name, tab, text = line.strip("\n\r").partition("\t")
            if not line.strip() or (number == 1 and name in _IDS):
                continue
            if not tab or not name.strip():
                raise InputError(
                    f"{path}: line {number} is no query: {line.strip()!r}", "tab separated: query id, text"
                )
            queries[name.strip()] = clean(text.strip())
    return queries


def read_run(path: Path) -> Run:
    """Scores from a TREC run, ``query Q0 document rank score tag``; ids as `as_word` wrote them.

    Raises:
        InputError: a line of another shape, which is named, or no line at all.
    """
    run: Run = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            cells = line.split()
            if not cells:
                continue
            try:
                query, _, document, _, score = cells[:5]
                run.setdefault(query, {})[document] = _finite(score)
            except ValueError:
                raise InputError(
                    f"{path}: line {number} is no line of a run: {line.strip()!r}",
                    "TREC's: query Q0 document rank score tag",
                ) from None
    if not run:
        raise InputError(f"{path} is empty", "a run has a line a result: query Q0 document rank score tag")
    return run


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number to rank by")
    return number


def _judgement(cells: list[str]) -> tuple[str, str, float]:
    if len(cells) != 3:
        # TREC's second column says nothing.
        cells = [cells[0], *cells[2:]]
    grade = _finite(cells[2])
    if grade.is_integer():
        grade = int(grade)
    return cells[0], cells[1], grade


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, float]]) -> None:
    """Writes BEIR's layout, header line first.

    Raises:
        InputError: an id that would not be read back: one that holds a tab or a line end, or is empty.
    """
    for query, grades in qrels.items():
        _check_id("query", query, path)
        for document in grades:
            _check_id("document", document, path)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write("query-id\tcorpus-id\tscore\n")
        for query, grades in qrels.items():
            out.writelines(f"{query}\t{document}\t{grade}\n" for document, grade in grades.items())


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], tag: str = "splade") -> None:
    """Writes a TREC run, see `run_lines`."""
    with replacing(path, alone=True) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in run_lines(run, tag))


def run_lines(run: Mapping[str, Mapping[str, float]], tag: str = "splade") -> Iterator[str]:
    """Lines of a TREC run, best score first, equal ones by document id descending as trec_eval has them.

    Blanks part the columns of a run and cannot be quoted: those in an id are percent-encoded, as in a URL.
    """
    for query, scores in run.items():
        for rank, (document, score) in enumerate(ranked(scores.items()), 1):
            yield f"{as_word(query)} Q0 {as_word(document)} {rank} {score:.9g} {tag}"


def _check_id(kind: str, name: str, path: Path) -> None:
    if not name.strip() or _ENDS_A_CELL.search(name):
        raise InputError(
            f"{path}: the {kind} id {name!r} cannot stand in a table",
            "ids are not empty, and hold no tab and no line end: change it where it comes from",
        )


def as_word(name: str) -> str:
    """An id as one column of a run: blanks in it percent-encoded."""
    return _BLANK.sub(lambda blank: quote(blank[0]), name)


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """(document, score) pairs in trec_eval's order: score descending, then document id descending."""
    return sorted(scores, key=lambda pair: (pair[1], pair[0]), reverse=True)
