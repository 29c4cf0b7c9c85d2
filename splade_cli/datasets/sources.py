"""Sources of labelled rows: the splits of a file, a folder, a BEIR folder or a hub id, each as a table.

Folders hold .json, .jsonl, .csv, .tsv or .parquet files that are named after their splits, or were written by
``datasets.Dataset.save_to_disk``. Only the columns that are asked for are read where the format allows it.
"""

from __future__ import annotations

import re
from pathlib import Path

from splade_cli.datasets.hub import fetch
from splade_cli.datasets.splits import split_of
from splade_cli.datasets.tables import READERS, RowTable, TableRow, beir_tables, dataset_tables, file_table
from splade_cli.errors import InputError, did_you_mean

__all__ = ["RowTable", "TableRow", "open_tables"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def open_tables(
    source: str,
    *,
    config: str | None = None,
    split: str | None = None,
    converted: bool = False,
    to_train: bool = True,
) -> dict[str, RowTable]:
    """The splits of a source under the names train, val and test.

    Args:
        source: path or ``owner/name`` on the hub.
        config: a hub configuration; of a folder the subfolder of that name, where there is one.
        split: the source's name of the split to train on, instead of train.
        converted: the repository holds a loading script, and its parquet copy on the hub is read.
        to_train: there must be a split to train on; otherwise any of the three will do.

    Raises:
        InputError: nothing there, no such split or configuration, or a hub that cannot be reached.
    """
    path = Path(source).expanduser()
    if path.is_file():
        tables = {"train": file_table([path])}
    elif path.is_dir():
        if config is not None and (path / config).is_dir():
            path = path / config
        tables = _folder_tables(path)
    elif _HUB_ID.fullmatch(source) and path.suffix not in READERS:
        tables = dataset_tables(fetch(source, config, converted=converted))
    else:
        raise InputError(f"no such file or folder: {source}", "check the path; a hub id is owner/name")
    return _by_kind(source, tables, split, to_train)


def _by_kind(
    source: str, tables: dict[str, RowTable], split: str | None, to_train: bool
) -> dict[str, RowTable]:
    """The tables by what their names say of them, with the split that is to be trained on as train."""
    if split is not None and split not in tables:
        raise InputError(
            f"{source} has no split '{split}', only {', '.join(sorted(tables))}",
            did_you_mean(split, tables) or "choose one",
        )
    by_kind: dict[str, RowTable] = {}
    for name in sorted(tables, reverse=True):
        kind = split_of(name)
        if kind and name != split:
            by_kind[kind] = tables[name]
    if split is not None:
        by_kind["train"] = tables[split]
    elif "train" not in by_kind and (to_train or not by_kind):
        if len(tables) > 1 or by_kind:
            raise InputError(
                f"{source} has no split to train on, only {', '.join(sorted(tables))}",
                f"name one, e.g. split: {sorted(tables)[0]}",
            )
        by_kind["train"] = next(iter(tables.values()))
    return by_kind


def _folder_tables(folder: Path) -> dict[str, RowTable]:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        from datasets import load_from_disk

        return dataset_tables(load_from_disk(str(folder)))
    files = _files_of_rows(folder)
    is_collection = _is_collection(folder)
    named: dict[str, list[Path]] = {}
    for path in files:
        relative = path.relative_to(folder)
        of_collection = relative.parts[0] == "qrels" or relative.name in ("queries.jsonl", "corpus.jsonl")
        if is_collection and of_collection:
            continue
        kind = split_of(relative.stem) or split_of(" ".join(relative.parts[:-1]))
        if kind:
            named.setdefault(kind, []).append(path)
    if is_collection and "train" not in named:
        return beir_tables(folder)
    if not files:
        raise InputError(f"no rows in {folder}", f"it needs {', '.join(READERS)} files or BEIR's qrels/")
    if not named:
        return {"train": file_table(files)}
    return {kind: file_table(paths) for kind, paths in named.items()}


def _files_of_rows(folder: Path) -> list[Path]:
    files = []
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in READERS and not is_hidden:
            files.append(path)
    return sorted(files)


def _is_collection(folder: Path) -> bool:
    return (folder / "queries.jsonl").is_file() and any((folder / "qrels").glob("*.tsv"))
