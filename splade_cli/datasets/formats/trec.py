"""TREC's files: relevance judgements (qrels), ranked results (runs) and the order of trec_eval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from splade_cli.errors import InputError
from splade_cli.storage.files import open_text, replacing

Qrels = dict[str, dict[str, int]]
"""Grades: ``qrels[query][document]``."""

Run = dict[str, dict[str, float]]
"""Scores: ``run[query][document]``."""

_ENDS_A_CELL = re.compile(r"[\t\n\r]")
_BLANK = re.compile(r"\s")
_HEADERS = ("score", "relevance")


def read_qrels(path: Path) -> Qrels:
    """Grades from BEIR's ``query-id corpus-id score`` (header line) or TREC's ``query 0 document grade``.

    Raises:
        InputError: a line of another shape, or a grade that is no whole number; its number is named.
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
                    "tab separated: query-id, corpus-id, score; scores are whole numbers",
                ) from None
            qrels.setdefault(query, {})[document] = grade
    return qrels


def _judgement(cells: list[str]) -> tuple[str, str, int]:
    if len(cells) != 3:
        # TREC's second column says nothing.
        cells = [cells[0], *cells[2:]]
    grade = float(cells[2])
    if not grade.is_integer():
        raise ValueError(f"a grade of {grade}")
    return cells[0], cells[1], int(grade)


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
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
            yield f"{_as_word(query)} Q0 {_as_word(document)} {rank} {score:.9g} {tag}"


def _check_id(kind: str, name: str, path: Path) -> None:
    if not name.strip() or _ENDS_A_CELL.search(name):
        raise InputError(
            f"{path}: the {kind} id {name!r} cannot stand in a table",
            "ids are not empty, and hold no tab and no line end: change it where it comes from",
        )


def _as_word(name: str) -> str:
    """An id as one column of a run."""
    return _BLANK.sub(lambda blank: quote(blank[0]), name)


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """(document, score) pairs in trec_eval's order: score descending, then document id descending."""
    return sorted(scores, key=lambda pair: (pair[1], pair[0]), reverse=True)
