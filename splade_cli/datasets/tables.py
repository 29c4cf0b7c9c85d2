"""Tables: rows by column, of parquet, CSV and JSON files, BEIR folders and Hugging Face datasets."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splade_cli.datasets.examples import as_row, json_rows
from splade_cli.datasets.formats.beir import read_corpus, read_queries
from splade_cli.datasets.formats.relevance_table import is_numbered, numbered_examples, table_cells
from splade_cli.datasets.formats.trec import read_qrels
from splade_cli.errors import InputError
from splade_cli.records import Chunk
from splade_cli.storage.files import open_text
from splade_cli.storage.machine_faults import raise_machine_error

TableRow = dict[str, Any]
Wanted = Callable[[str], bool]


@dataclass
class RowTable:
    """One split.

    `columns` are those of the rows that were read so far, or all where the format says so before.
    """

    read: Callable[[Wanted, set[str]], Iterator[TableRow]]
    columns: set[str] = field(default_factory=set)

    def rows(self, wanted: Wanted) -> Iterator[TableRow]:
        """Rows with at least the columns for which `wanted` is true, those that the source has."""
        return self.read(wanted, self.columns)


def file_table(paths: list[Path]) -> RowTable:
    """The rows of several files, one behind the other."""

    def read(wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
        for path in paths:
            read_file = READERS.get(path.suffix, _json_rows)
            yield from read_file(path, wanted, columns)

    return RowTable(read)


def _parquet_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
    from pyarrow import ArrowInvalid, parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns.update(file.schema_arrow.names)
            chosen = [name for name in file.schema_arrow.names if wanted(name)]
            for batch in file.iter_batches(8192, columns=chosen):
                yield from batch.to_pylist()
    except (ArrowInvalid, OSError) as error:
        raise_machine_error(error, path)
        raise InputError(f"{path} is not parquet: {error}", "copy or download it again") from None


def _json_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
    for number, row in enumerate(json_rows(path), 1):
        if not isinstance(row, dict):
            raise InputError(
                f"{path}: row {number} is a {type(row).__name__}, an object was expected",
                'rows look like {"query": "...", "positive": "...", "negative": "..."}',
            )
        columns.update(row)
        yield row


def _csv_rows(path: Path, wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
    csv.field_size_limit(1 << 30)
    with open_text(path, newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        columns.update(name for name in reader.fieldnames or [] if name)
        if is_numbered(columns) and wanted("is_relevant"):
            for example in numbered_examples(map(table_cells, reader), path):
                as_training_row = as_row(example)
                columns.update(as_training_row)
                yield as_training_row
            return
        for row in reader:
            yield {key: value for key, value in row.items() if isinstance(key, str)}


READERS: dict[str, Callable[[Path, Wanted, set[str]], Iterator[TableRow]]] = {
    ".json": _json_rows,
    ".jsonl": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
}


def beir_tables(folder: Path) -> dict[str, RowTable]:
    """A table for each file of judgements: each pair above grade 0 is a row, the document its positive."""
    if not (folder / "corpus.jsonl").is_file():
        raise InputError(f"{folder} has qrels/ but no corpus.jsonl", "its documents are the positives")
    texts: dict[str, str] = {}
    queries: dict[str, str] = {}

    def table(path: Path) -> RowTable:
        def read(wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
            columns.update(("query", "positive"))
            if not texts:
                queries.update(read_queries(folder / "queries.jsonl"))
                for document in read_corpus(folder / "corpus.jsonl"):
                    as_chunk = Chunk(document.id, document.id, document.text, document.title)
                    texts[document.id] = as_chunk.content
            for query, grades in read_qrels(path).items():
                for document_id, grade in grades.items():
                    if grade > 0:
                        yield {"query": queries.get(query), "positive": texts.get(document_id)}

        return RowTable(read)

    return {path.stem: table(path) for path in sorted((folder / "qrels").glob("*.tsv"))}


def dataset_tables(dataset: Any) -> dict[str, RowTable]:
    """A table for each split of a `datasets.DatasetDict`; a `datasets.Dataset` is train."""

    def table(split: Any) -> RowTable:
        def read(wanted: Wanted, columns: set[str]) -> Iterator[TableRow]:
            chosen = split.select_columns([name for name in split.column_names if wanted(name)])
            for batch in chosen.with_format("arrow").iter(batch_size=8192):
                yield from batch.to_pylist()

        return RowTable(read, set(split.column_names))

    if not isinstance(dataset, dict):
        return {"train": table(dataset)}
    return {str(name): table(split) for name, split in dataset.items()}
