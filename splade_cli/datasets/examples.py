"""Training files: examples in and out.

Reads JSON lists and JSONL of rows in the shapes of `training_rows`, and CSV or TSV with the columns
``query``, ``document`` and ``is_relevant``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from splade_cli.datasets.training_rows import SHAPE, examples_of
from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.storage.checksums import warn_of_changes
from splade_cli.storage.files import open_text, read_jsonl, write_json

YES = ("1", "1.0", "true", "yes")
"""What a column of labels says of a relevant document."""

_COLUMNS = ("query", "document", "is_relevant")


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
    if path.suffix in (".csv", ".tsv"):
        examples = _from_table(path)
    else:
        for number, row in enumerate(json_rows(path), 1):
            examples.extend(examples_of(row, f"{path}: row {number}"))
    if not examples:
        raise InputError(f"{path} holds no training row", SHAPE)
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes the training JSON: one list, keys as documented, optional ones only where there is something."""
    write_json(path, [_as_row(example) for example in examples])


def _as_row(example: Example) -> dict[str, Any]:
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


def _from_table(path: Path) -> list[Example]:
    """One example for each relevant document; the others of its query are its negatives."""
    positives: dict[str, list[str]] = {}
    negatives: dict[str, list[str]] = {}
    csv.field_size_limit(1 << 30)
    with open_text(path) as lines:
        reader = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        columns = [name.strip().lower() for name in reader.fieldnames or []]
        for wanted in _COLUMNS:
            if wanted not in columns:
                raise InputError(
                    f"{path} has no column '{wanted}', only {columns}", f"columns: {', '.join(_COLUMNS)}"
                )
        for number, cells in enumerate(reader, 2):
            row = {
                (name or "").strip().lower(): value or ""
                for name, value in cells.items()
                if not isinstance(value, list)
            }
            query = row["query"]
            document = row["document"]
            if not query.strip() or not document.strip():
                raise InputError(f"{path}: line {number} has an empty query or document", "fill or remove it")
            is_relevant = row["is_relevant"].strip().lower() in YES
            documents = positives if is_relevant else negatives
            documents.setdefault(query, []).append(document)
    examples = []
    for query, texts in positives.items():
        for positive in texts:
            examples.append(Example(query, positive, tuple(negatives.get(query, ()))))
    return examples
