"""Training files: examples in and out.

JSON lists and JSONL of rows in the shapes of `training_rows`, and CSV or TSV, see `formats.relevance_table`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from splade_cli.datasets.formats.relevance_table import SUFFIXES, read_table, write_table
from splade_cli.datasets.training_rows import SHAPE, examples_of
from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.storage.checksums import warn_of_changes
from splade_cli.storage.files import open_text, read_jsonl, write_json, write_jsonl

FORMATS = ("json", "jsonl", "csv", "tsv")
"""Endings of training files."""


def read_examples(path: Path) -> list[Example]:
    """Training rows of a .json, .jsonl, .csv or .tsv file.

    Raises:
        InputError: no such file, not that shape (row number and key named), or no row at all.
    """
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, a training file was expected", f"perhaps {path / 'train.json'}"
        )
    warn_of_changes(path.parent, path.name)
    examples: list[Example] = []
    if path.suffix in SUFFIXES:
        examples = read_table(path)
    else:
        for number, row in enumerate(json_rows(path), 1):
            examples.extend(examples_of(row, f"{path}: row {number}"))
    if not examples:
        raise InputError(f"{path} holds no training row", SHAPE)
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes rows in the format that the ending of `path` says, one of `FORMATS`.

    JSON has one list, JSONL an object a line: keys as documented, optional ones only where there is any.
    """
    if path.suffix in SUFFIXES:
        write_table(path, examples)
    elif path.suffix == ".jsonl":
        write_jsonl(path, map(as_row, examples))
    else:
        write_json(path, [as_row(example) for example in examples])


def as_row(example: Example) -> dict[str, Any]:
    """An example as a row of the training JSON."""
    row: dict[str, Any] = {
        "query": example.query,
        "positive_document": example.positive,
        "negative_documents": list(example.negatives),
    }
    if example.scores is not None:
        row["scores"] = [round(score, 6) for score in example.scores]
    for key in ("explanations", "strategies"):
        if getattr(example, key):
            row[key] = list(getattr(example, key))
    for key in ("query_type", "source", "chunk_id"):
        if getattr(example, key):
            row[key] = getattr(example, key)
    return row


def json_rows(path: Path) -> Iterable[Any]:
    """What a .jsonl holds line by line, or a .json as a list or line by line.

    Raises:
        InputError: another shape.
    """
    if path.suffix == ".jsonl":
        return read_jsonl(path)
    with open_text(path) as file:
        text = "".join(file)
    if not text.strip():
        raise InputError(f"{path} is empty", SHAPE)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_jsonl(path)
        raise InputError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}", "name JSONL files .jsonl"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON of rows: {error}", SHAPE) from None
    if not isinstance(value, list):
        raise InputError(f"{path} holds a JSON {type(value).__name__}, a list was expected", SHAPE)
    return value
