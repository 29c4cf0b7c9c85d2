"""Training rows in every shape that users have, in and out; knows no model and no retrieval.

Reads JSON lists and JSONL of

    {"query", "positive_document", "negative_documents": [str | {"document", "explanation", "strategy"}], "scores"?}
    {"anchor" | "query", "positive" | "answer" | "document" | "pos", "negative" | "negative_1".. | "negs", "scores"?}
    {"query", "docs", "scores"}                       distillation rows, the best scored document first
and CSV / TSV with ``query, document, is_relevant``. A missing or None negative never drops a row.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from splade_cli.errors import InputError
from splade_cli.records import Example, open_text, read_jsonl, write_json

QUERY_KEYS = ("query", "anchor", "question")
POSITIVE_KEYS = ("positive_document", "positive", "answer", "document", "pos", "passage")
NEGATIVE_KEYS = ("negative_documents", "negatives", "negative", "negs", "neg")
SCORE_KEYS = ("scores", "score", "label", "labels")
_SHAPE = 'rows look like {"query": "...", "positive_document": "...", "negative_documents": ["..."]}'


def read_examples(path: Path) -> list[Example]:
    """Training rows of a .json, .jsonl, .csv or .tsv file.

    Raises:
        InputError: no such file, not that shape (row number and key named), or no row at all.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, a training file was expected", f"perhaps {path / 'train.json'}")
    if path.suffix in (".csv", ".tsv"):
        examples = _from_table(path)
    else:
        examples = []
        for number, row in enumerate(_rows(path), 1):
            examples.extend(_from_row(row, f"{path}: row {number}"))
    if not examples:
        raise InputError(f"{path} holds no training row", _SHAPE)
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes the training JSON: one list, keys as documented, optional ones only where there is something."""
    rows = []
    for example in examples:
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
        rows.append(row)
    write_json(path, rows)


def _rows(path: Path) -> Iterable[Any]:
    if path.suffix == ".jsonl":
        return read_jsonl(path)
    with open_text(path) as file:
        text = "".join(file)
    if not text.strip():
        raise InputError(f"{path} is empty", _SHAPE)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} at line {error.lineno}", "name JSONL files .jsonl") from None
    if not isinstance(value, list):
        raise InputError(f"{path} holds a JSON {type(value).__name__}, a list was expected", _SHAPE)
    return value


def _from_row(row: Any, where: str) -> list[Example]:
    if not isinstance(row, dict):
        raise InputError(f"{where} is a {type(row).__name__}, an object was expected", _SHAPE)
    query = _text(row, QUERY_KEYS, "query", where)
    scores = _scores(row, where)
    if "docs" in row:
        documents = row["docs"]
        if not isinstance(documents, list) or not all(isinstance(text, str) for text in documents) or not documents:
            raise InputError(f"{where}: 'docs' must be a list of texts", _SHAPE)
        if scores is not None:
            _check_scores(scores, len(documents), where)
            ordered = sorted(zip(scores, documents, strict=True), key=lambda pair: -pair[0])
            scores, documents = tuple(score for score, _ in ordered), [text for _, text in ordered]
        return [Example(query, documents[0], tuple(documents[1:]), scores)]
    positive = _text(row, POSITIVE_KEYS, "positive_document", where)
    negatives, explanations, strategies = _negatives(row, where)
    if scores is not None and len(scores) == 1:
        # a single number is a label of the pair: not relevant means not a training row
        return [Example(query, positive, tuple(negatives))] if scores[0] > 0 else []
    if scores is not None:
        _check_scores(scores, 1 + len(negatives), where)
    return [
        Example(
            query,
            positive,
            tuple(negatives),
            scores,
            tuple(row.get("explanations") or explanations),
            tuple(row.get("strategies") or strategies),
            str(row.get("query_type") or ""),
            str(row.get("source") or ""),
            str(row.get("chunk_id") or ""),
        )
    ]


def _text(row: dict[str, Any], keys: Sequence[str], wanted: str, where: str) -> str:
    for key in keys:
        if key in row and row[key] is not None:
            value = row[key]
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, str):
                raise InputError(f"{where}: '{key}' is a {type(value).__name__}, a text was expected", _SHAPE)
            if not value.strip():
                raise InputError(f"{where}: '{key}' is empty", _SHAPE)
            return value
    raise InputError(f"{where} has no '{wanted}', only {sorted(row)}", _SHAPE)


def _negatives(row: dict[str, Any], where: str) -> tuple[list[str], list[str], list[str]]:
    found: list[Any] = []
    for key, value in row.items():
        numbered = key.startswith("negative_") and key.removeprefix("negative_").isdigit()
        if (key in NEGATIVE_KEYS or numbered) and value is not None:
            found.extend(value if isinstance(value, list) else [value])
    texts, explanations, strategies = [], [], []
    for value in found:
        details = value if isinstance(value, dict) else {"document": value}
        text = details.get("document")
        if text is None:
            continue
        if not isinstance(text, str):
            raise InputError(f"{where}: a negative is a {type(text).__name__}, a text was expected", _SHAPE)
        if text.strip():
            texts.append(text)
            explanations.append(str(details.get("explanation") or ""))
            strategies.append(str(details.get("strategy") or ""))
    return texts, explanations if any(explanations) else [], strategies if any(strategies) else []


def _scores(row: dict[str, Any], where: str) -> tuple[float, ...] | None:
    for key in SCORE_KEYS:
        value = row.get(key)
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        try:
            numbers = tuple(float(number) for number in values)
        except (TypeError, ValueError):
            numbers = (math.nan,)
        if not all(map(math.isfinite, numbers)):
            raise InputError(f"{where}: '{key}' must be numbers, got {value!r}", _SHAPE)
        return numbers
    return None


def _check_scores(scores: Sequence[float], documents: int, where: str) -> None:
    if len(scores) != documents:
        raise InputError(f"{where}: {len(scores)} scores for {documents} documents", "one score each, positive first")


def _from_table(path: Path) -> list[Example]:
    csv.field_size_limit(1 << 30)
    positives: dict[str, list[str]] = {}
    negatives: dict[str, list[str]] = {}
    with open_text(path) as lines:
        reader = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        fields = [field.strip().lower() for field in reader.fieldnames or []]
        for wanted in ("query", "document", "is_relevant"):
            if wanted not in fields:
                raise InputError(
                    f"{path} has no column '{wanted}', only {fields}", "columns: query, document, is_relevant"
                )
        for number, raw in enumerate(reader, 2):
            row = {
                (key or "").strip().lower(): (value or "") for key, value in raw.items() if not isinstance(value, list)
            }
            if not row["query"].strip() or not row["document"].strip():
                raise InputError(f"{path}: line {number} has an empty query or document", "fill or remove it")
            relevant = row["is_relevant"].strip().lower() in ("1", "1.0", "true", "yes")
            (positives if relevant else negatives).setdefault(row["query"], []).append(row["document"])
    return [
        Example(query, positive, tuple(negatives.get(query, ())))
        for query, texts in positives.items()
        for positive in texts
    ]
