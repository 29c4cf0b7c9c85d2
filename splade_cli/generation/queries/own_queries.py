"""A few queries of the user's own, which show a language model how people search there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splade_cli.datasets.examples import json_rows
from splade_cli.datasets.training_rows import QUERY_KEYS
from splade_cli.errors import InputError
from splade_cli.storage.files import open_text

MOST = 8
"""Queries that are shown, after Promptagator [Dai et al. 2022, arXiv 2209.11755]."""
_KEYS = (*QUERY_KEYS, "text")
_HINT = f"a query a line, or rows with one of {', '.join(_KEYS)}"


def read_own_queries(path: Path) -> tuple[str, ...]:
    """The first `MOST` different queries of a file: lines, JSON or JSONL of texts or rows, CSV or TSV.

    Raises:
        InputError: no such file, another shape, or no query in it.
    """
    found: dict[str, str] = {}
    for text in _queries(path):
        query = " ".join(text.split())
        if query:
            found.setdefault(query.casefold(), query)
        if len(found) == MOST:
            break
    if not found:
        raise InputError(f"{path} holds no query", _HINT)
    return tuple(found.values())


def _queries(path: Path) -> Iterator[str]:
    if path.suffix in (".json", ".jsonl"):
        for number, row in enumerate(json_rows(path), 1):
            yield row if isinstance(row, str) else _of_row(row, f"{path}: row {number}")
        return
    with open_text(path, newline="") as lines:
        if path.suffix not in (".csv", ".tsv"):
            yield from lines
            return
        rows = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        for number, cells in enumerate(rows, 2):
            named = {str(name).strip().lower(): value for name, value in cells.items()}
            yield _of_row(named, f"{path}: line {number}")


def _of_row(row: Any, where: str) -> str:
    """The query of a row. Raises InputError where it names none."""
    if not isinstance(row, dict):
        raise InputError(f"{where} is a {type(row).__name__}, a query was expected", _HINT)
    for key in _KEYS:
        if isinstance(row.get(key), str):
            return str(row[key])
    raise InputError(f"{where} names no query, only {sorted(map(str, row))}", _HINT)
