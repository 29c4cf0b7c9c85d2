"""A file, a folder, a BEIR folder or a hub id comes in, its splits as rows by column go out; knows no training row.

Files are .json (a list, or an object a line), .jsonl, .csv, .tsv and .parquet. Folders hold such files, named after
their splits, or were written by ``datasets.Dataset.save_to_disk``. A row is a dict; only the columns that are asked for
are read where the format allows it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splade_cli.datasets.collections import read_corpus, read_qrels, read_queries
from splade_cli.datasets.examples import json_rows
from splade_cli.datasets.hub import fetch
from splade_cli.errors import InputError, did_you_mean
from splade_cli.files import open_text
from splade_cli.records import Chunk

Row = dict[str, Any]
Wanted = Callable[[str], bool]
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "development", "eval"),
    "test": ("test", "testing"),
}
SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass
class Table:
    """One split. `columns` are those of the rows that were read so far, or all where the format says so beforehand."""

    read: Callable[[Wanted, set[str]], Iterator[Row]]
    columns: set[str] = field(default_factory=set)

    def rows(self, wanted: Wanted) -> Iterator[Row]:
        """Rows with at least the columns for which `wanted` is true, those that the source has."""
        return self.read(wanted, self.columns)


def open_tables(
    source: str, *, config: str | None = None, split: str | None = None, converted: bool = False
) -> dict[str, Table]:
    """The splits of a source under the names train, val and test; only train is always there.

    Args:
        source: path or ``owner/name`` on the hub.
        config: a hub configuration; of a folder the subfolder of that name, where there is one.
        split: the source's name of the split to train on, instead of train.
        converted: the repository holds a loading script, and its parquet copy on the hub is read.

    Raises:
        InputError: nothing there, no such split or configuration, or a hub that cannot be reached.
    """
    path = Path(source).expanduser()
    if path.is_file():
        raw = {"train": _file_table([path])}
    elif path.is_dir():
        below = path / config if config and (path / config).is_dir() else path
        raw = _folder_tables(below)
    elif _HUB_ID.fullmatch(source) and path.suffix not in SUFFIXES:
        raw = _of_datasets(fetch(source, config, converted=converted))
    else:
        raise InputError(f"no such file or folder: {source}", "check the path; a hub id is owner/name")
    return _chosen(source, raw, split)


def split_of(name: str) -> str | None:
    """train, val or test, by a word in a file's or a split's name; None where there is none."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((split for split, names in SPLITS.items() if any(word in names for word in words)), None)


def _chosen(source: str, raw: dict[str, Table], split: str | None) -> dict[str, Table]:
    if split is not None and split not in raw:
        raise InputError(
            f"{source} has no split '{split}', only {', '.join(sorted(raw))}",
            did_you_mean(split, raw) or "choose one",
        )
    tables = {kind: raw[name] for name in reversed(sorted(raw)) if (kind := split_of(name)) and name != split}
    if split is not None:
        tables["train"] = raw[split]
    elif "train" not in tables:
        if len(raw) > 1 or tables:
            raise InputError(
                f"{source} has no split to train on, only {', '.join(sorted(raw))}",
                f"name one, e.g. split: {sorted(raw)[0]}",
            )
        tables["train"] = next(iter(raw.values()))
    return tables


def _folder_tables(folder: Path) -> dict[str, Table]:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        from datasets import load_from_disk

        return _of_datasets(load_from_disk(str(folder)))
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    judged = (folder / "queries.jsonl").is_file() and any((folder / "qrels").glob("*.tsv"))
    named: dict[str, list[Path]] = {}
    for path in files:
        own = path.relative_to(folder)
        if judged and (own.parts[0] == "qrels" or own.name in ("queries.jsonl", "corpus.jsonl")):
            continue
        if kind := split_of(own.stem) or split_of(" ".join(own.parts[:-1])):
            named.setdefault(kind, []).append(path)
    if "train" in named:
        return {kind: _file_table(paths) for kind, paths in named.items()}
    if judged:
        return _beir_tables(folder)
    if not files:
        raise InputError(f"no rows in {folder}", f"it needs {', '.join(SUFFIXES)} files or BEIR's qrels/")
    return (
        {kind: _file_table(paths) for kind, paths in named.items()}
        if named
        else {"train": _file_table(files)}
    )


def _file_table(paths: list[Path]) -> Table:
    readers = {".parquet": _parquet_rows, ".csv": _csv_rows, ".tsv": _csv_rows}

    def read(wanted: Wanted, columns: set[str]) -> Iterator[Row]:
        for path in paths:
            yield from readers.get(path.suffix, _json_rows)(path, wanted, columns)

    return Table(read)


def _parquet_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[Row]:
    from pyarrow import ArrowInvalid, parquet  # type: ignore[import-untyped]

    try:
        with parquet.ParquetFile(path) as file:
            columns.update(file.schema_arrow.names)
            chosen = [name for name in file.schema_arrow.names if wanted(name)]
            for batch in file.iter_batches(8192, columns=chosen):
                yield from batch.to_pylist()
    except (ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is not parquet: {error}", "copy or download it again") from None


def _json_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[Row]:
    for number, row in enumerate(json_rows(path), 1):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} is a {type(row).__name__}, an object was expected", _ROWS)
        columns.update(row)
        yield row


def _csv_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with open_text(path) as lines:
        reader = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        columns.update(name for name in reader.fieldnames or [] if name)
        for row in reader:
            yield {key: value for key, value in row.items() if isinstance(key, str)}


def _beir_tables(folder: Path) -> dict[str, Table]:
    """Each judged pair above grade 0 is a row: query, and the document's title and text as the positive."""
    if not (folder / "corpus.jsonl").is_file():
        raise InputError(f"{folder} has qrels/ but no corpus.jsonl", "its documents are the positives")
    texts: dict[str, str] = {}
    queries: dict[str, str] = {}

    def table(path: Path) -> Table:
        def read(wanted: Wanted, columns: set[str]) -> Iterator[Row]:
            columns.update(("query", "positive"))
            if not texts:
                queries.update(read_queries(folder / "queries.jsonl"))
                for each in read_corpus(folder / "corpus.jsonl"):
                    texts[each.id] = Chunk(each.id, each.id, each.text, each.title).content
            for query, grades in read_qrels(path).items():
                for document, grade in grades.items():
                    if grade > 0:
                        yield {"query": queries.get(query), "positive": texts.get(document)}

        return Table(read)

    return {path.stem: table(path) for path in sorted((folder / "qrels").glob("*.tsv"))}


def _of_datasets(loaded: Any) -> dict[str, Table]:
    """Splits of a `datasets.DatasetDict`; a `datasets.Dataset` is train."""

    def table(dataset: Any) -> Table:
        def read(wanted: Wanted, columns: set[str]) -> Iterator[Row]:
            chosen = dataset.select_columns([name for name in dataset.column_names if wanted(name)])
            for batch in chosen.with_format("arrow").iter(batch_size=8192):
                yield from batch.to_pylist()

        return Table(read, set(dataset.column_names))

    splits = loaded if isinstance(loaded, dict) else {"train": loaded}
    return {str(name): table(dataset) for name, dataset in splits.items()}


_ROWS = 'rows look like {"query": "...", "positive": "...", "negative": "..."}'
