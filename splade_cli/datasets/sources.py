"""The datasets section in, for each dataset its training, validation and test rows out; knows no model and no batch.

Texts are taken from columns by name, and nothing else in a row becomes one. What a filter took away is counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.config.schema import DatasetSpec, DatasetsSection
from splade_cli.datasets.catalog import DatasetPart, SplitRatio, parts_of
from splade_cli.datasets.columns import RowReader
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.tables import open_tables
from splade_cli.errors import InputError
from splade_cli.records import Example


@dataclass
class Loaded:
    """Rows of one dataset.

    Attributes:
        removed: how many rows each filter took away, by its name.
        held_out: where val and test come from: ``own``, ``cut`` (from the training rows), or ``none``.
    """

    name: str
    train: list[Example] = field(default_factory=list)
    val: list[Example] = field(default_factory=list)
    test: list[Example] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)
    held_out: str = "none"

    def line(self) -> str:
        """One line for a log: sizes, and what was removed why."""
        sizes = f"{self.name}: {len(self.train)} train, {len(self.val)} val, {len(self.test)} test ({self.held_out})"
        gone = ", ".join(f"{count} {reason}" for reason, count in self.removed.items())
        return f"{sizes}; removed: {gone}" if gone else sizes


def load_datasets(section: DatasetsSection, seed: int) -> list[Loaded]:
    """All enabled datasets, the training file first.

    Args:
        seed: of the shuffle before rows are held out or `max_rows` is taken; the same seed gives the same rows.

    Raises:
        InputError: no dataset at all, one without rows, or one that cannot be read; the message names it.
    """
    loaded = []
    if section.train_file:
        loaded.append(_training_file(section.train_file, section.val_file, seed))
    elif section.val_file:
        loaded.append(Loaded("val_file", val=_val_file(section.val_file, seed), held_out="own"))
    loaded += [load_dataset(name, spec, seed) for name, spec in section.named.items() if spec.enabled]
    if not any(each.train for each in loaded):
        raise InputError(
            "no training file", "add --train-file train.json; `splade gen-data DOCS -o DIR` makes one"
        )
    return loaded


def load_dataset(name: str, spec: DatasetSpec, seed: int) -> Loaded:
    """One named dataset, its parts together. Raises InputError as `load_datasets`."""
    parts = [_load_part(name, part, seed) for part in parts_of(name, spec)]
    whole = Loaded(name, held_out=" and ".join(sorted({part.held_out for part in parts})))
    for part in parts:
        whole.train += part.train
        whole.val += part.val
        whole.test += part.test
        whole.removed = dict(Counter(whole.removed) + Counter(part.removed))
    if spec.max_rows is not None and len(whole.train) > spec.max_rows:
        whole.removed["over max_rows"] = len(whole.train) - spec.max_rows
        random.Random(f"{seed}|{name}|rows").shuffle(whole.train)
        del whole.train[spec.max_rows :]
    if not whole.train:
        raise InputError(
            f"dataset '{name}' has no training row left: {whole.line()}", "check its filters and columns"
        )
    return whole


def _training_file(train: str, val: str | None, seed: int) -> Loaded:
    loaded = _read(train, seed)
    return Loaded("train_file", loaded.train, _val_file(val, seed) if val else loaded.val, loaded.test, loaded.removed,
                  "own" if val else loaded.held_out)  # fmt: skip


def _val_file(path: str, seed: int) -> list[Example]:
    loaded = _read(path, seed)
    return loaded.val or loaded.train


def _read(source: str, seed: int) -> Loaded:
    """A file of rows, where every row has to be right, or anything else that a dataset may be."""
    path = Path(source)
    if path.suffix in (".json", ".jsonl", ".csv", ".tsv") and not path.is_dir():
        return Loaded(source, read_examples(path))
    return load_dataset(source, DatasetSpec(source=source), seed)


def _load_part(name: str, part: DatasetPart, seed: int) -> Loaded:
    tables = open_tables(part.source, config=part.config, split=part.split, converted=part.converted)
    removed: Counter[str] = Counter()
    reader = RowReader(name, part, removed)
    rows = {split: reader.examples(table) for split, table in tables.items()}
    loaded = Loaded(name, rows["train"], rows.get("val", []), rows.get("test", []), held_out="none")
    if "val" in rows or "test" in rows:
        loaded.held_out = "own"
    _, val, test = part.split_ratio or (1.0, 0.0, 0.0)
    val, test = 0.0 if "val" in rows else val, 0.0 if "test" in rows else test
    if val or test:
        train, cut_val, cut_test = held_out(
            rows["train"], (1 - val - test, val, test), f"{seed}|{name}|{part.source}"
        )
        loaded.train, loaded.val, loaded.test = train, loaded.val or cut_val, loaded.test or cut_test
        loaded.held_out = "own and cut" if loaded.held_out == "own" else "cut"
    loaded.removed = dict(removed)
    return loaded


def held_out(
    rows: Sequence[Example], split_ratio: SplitRatio, seed: str
) -> tuple[list[Example], list[Example], list[Example]]:
    """Rows shuffled and split by `split_ratio`; rows that share a query or a positive stay together, large groups in train.

    The held-out parts are never larger than their share; they are smaller only where groups are too large for them.
    """
    parent: list[int] = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        for text in (row.query, row.positive):
            parent[root(number)] = root(first.setdefault(text, number))
    groups: dict[int, list[int]] = {}
    for number in range(len(rows)):
        groups.setdefault(root(number), []).append(number)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    parts: list[list[Example]] = [[], [], []]
    room = [len(rows), round(len(rows) * split_ratio[1]), round(len(rows) * split_ratio[2])]
    for group in order:
        part = next((part for part in (1, 2) if len(parts[part]) + len(group) <= room[part]), 0)
        parts[part].extend(rows[number] for number in group)
    return parts[0], parts[1], parts[2]
