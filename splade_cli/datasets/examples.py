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
from splade_cli.files import open_text, read_jsonl, write_json
from splade_cli.records import Example

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
        raise InputError(
            f"{path} is a folder, a training file was expected", f"perhaps {path / 'train.json'}"
        )
    if path.suffix in (".csv", ".tsv"):
        examples = _from_table(path)
    else:
        examples = []
        for number, row in enumerate(json_rows(path), 1):
            examples.extend(examples_of(row, f"{path}: row {number}"))
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


def json_rows(path: Path) -> Iterable[Any]:
    """What a .jsonl holds line by line, or a .json as a list or line by line. Raises InputError for other shapes."""
    if path.suffix == ".jsonl":
        return read_jsonl(path)
    with open_text(path) as file:
        text = "".join(file)
    if not text.strip():
        raise InputError(f"{path} is empty", _SHAPE)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_jsonl(path)
        raise InputError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}", "name JSONL files .jsonl"
        ) from None
    if not isinstance(value, list):
        raise InputError(f"{path} holds a JSON {type(value).__name__}, a list was expected", _SHAPE)
    return value


def examples_of(row: Any, where: str) -> list[Example]:
    """One row, by the names of its keys; none where its label says that the pair is not relevant.

    A negative that is None or blank takes its own score and explanation with it, and nothing else.

    Raises:
        InputError: no query, no positive, or values of another type; `where` opens the message.
    """
    if not isinstance(row, dict):
        raise InputError(f"{where} is a {type(row).__name__}, an object was expected", _SHAPE)
    query = _text(row, QUERY_KEYS, "query", where)
    scores = _scores(row, where)
    if "docs" in row:
        return [_distillation_row(query, row["docs"], scores, where)]
    positive = _text(row, POSITIVE_KEYS, "positive_document", where)
    found = _negatives(row, where)
    kept = [place for place, (text, _, _) in enumerate(found) if text]
    negatives = tuple(found[place][0] for place in kept)
    if scores is not None and len(scores) == 1:
        # a single number is a label of the pair: not relevant means not a training row
        if scores[0] <= 0:
            return []
        scores = None
    if scores is not None:
        if len(scores) == 1 + len(found):
            scores = (scores[0], *(scores[1 + place] for place in kept))
        _check_scores(scores, 1 + len(negatives), where)
    return [
        Example(
            query,
            positive,
            negatives,
            scores,
            _beside(row.get("explanations"), found, kept, 1),
            _beside(row.get("strategies"), found, kept, 2),
            str(row.get("query_type") or ""),
            str(row.get("source") or ""),
            str(row.get("chunk_id") or ""),
        )
    ]


def _distillation_row(query: str, documents: Any, scores: tuple[float, ...] | None, where: str) -> Example:
    fits = isinstance(documents, list) and all(isinstance(text, str | None) for text in documents)
    kept = [place for place, text in enumerate(documents) if text and text.strip()] if fits else []
    if not kept:
        raise InputError(f"{where}: 'docs' must be a list of texts", _SHAPE)
    if scores is None:
        ordered = None
    else:
        _check_scores(scores, len(documents), where)
        by_score = dict(enumerate(scores))
        kept.sort(key=lambda place: -by_score[place])
        ordered = tuple(by_score[place] for place in kept)
    texts = [documents[place] for place in kept]
    return Example(query, texts[0], tuple(texts[1:]), ordered)


def _beside(listed: Any, found: list[tuple[str, str, str]], kept: list[int], part: int) -> tuple[str, ...]:
    """The texts beside the negatives that are kept: a list in the row, or what each negative brought itself."""
    if isinstance(listed, list) and listed:
        texts = [str(text or "") for text in listed]
        return tuple(texts[place] for place in kept) if len(texts) == len(found) else tuple(texts)
    brought = tuple(found[place][part] for place in kept) if kept else ()
    return brought if any(brought) else ()


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


def _negatives(row: dict[str, Any], where: str) -> list[tuple[str, str, str]]:
    """Text, explanation and strategy of each negative, in order; the text is empty where there is none."""
    found: list[Any] = []
    for key, value in row.items():
        numbered = key.startswith("negative_") and key.removeprefix("negative_").isdigit()
        if key in NEGATIVE_KEYS or numbered:
            # a column for many of them may be None as a whole; one for a single negative has its score all the same
            single = numbered or key in ("negative", "neg")
            found.extend(value if isinstance(value, list) else [value] if value is not None or single else [])
    if found == [None] * len(found):
        return [("", "", "")] * len(found)
    negatives = []
    for value in found:
        details = value if isinstance(value, dict) else {"document": value}
        text = details.get("document")
        if text is not None and not isinstance(text, str):
            raise InputError(f"{where}: a negative is a {type(text).__name__}, a text was expected", _SHAPE)
        negatives.append(
            (
                text if text and text.strip() else "",
                str(details.get("explanation") or ""),
                str(details.get("strategy") or ""),
            )
        )
    return negatives


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
        raise InputError(
            f"{where}: {len(scores)} scores for {documents} documents", "one score each, positive first"
        )


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
                (key or "").strip().lower(): (value or "")
                for key, value in raw.items()
                if not isinstance(value, list)
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
