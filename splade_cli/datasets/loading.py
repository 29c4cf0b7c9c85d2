"""Training data of a run: the training, validation and test rows of each dataset in the settings.

Texts are taken from columns by name, and nothing else in a row becomes one. What a filter took away is
counted.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.config.schema import DatasetSpec, DatasetsSection
from splade_cli.datasets.catalog import DatasetPart, parts_of
from splade_cli.datasets.columns import RowReader
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.sources import open_tables
from splade_cli.datasets.splits import held_out
from splade_cli.errors import InputError, OptionError
from splade_cli.records import Example

_TRAINING_FILES = (".json", ".jsonl", ".csv", ".tsv")


@dataclass
class DatasetSplits:
    """Rows of one dataset.

    Attributes:
        removed: how many rows each filter took away, by its name.
        held_out: where val and test come from: ``own``, ``cut`` (from the training rows), or ``none``.
        file: of the training rows, where they are of one file.
    """

    name: str
    train: list[Example] = field(default_factory=list)
    val: list[Example] = field(default_factory=list)
    test: list[Example] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)
    held_out: str = "none"
    file: Path | None = None

    def line(self) -> str:
        """One line for a log: sizes, and what was removed why."""
        sizes = f"{len(self.train)} train, {len(self.val)} val, {len(self.test)} test"
        line = f"{self.name}: {sizes} ({self.held_out})"
        if self.removed:
            removed = ", ".join(f"{count} {reason}" for reason, count in self.removed.items())
            line += f"; removed: {removed}"
        return line


def load_datasets(section: DatasetsSection, seed: int) -> list[DatasetSplits]:
    """All enabled datasets, the training file first.

    Args:
        seed: of the shuffle before rows are held out or `max_rows` is taken; the same seed gives the same
            rows.

    Raises:
        InputError: no dataset at all, one without rows, or one that cannot be read; the message names it.
    """
    datasets = []
    if section.train_file:
        datasets.append(_training_file(section.train_file, section.val_file, seed))
    elif section.val_file:
        datasets.append(DatasetSplits("val_file", val=_val_file(section.val_file, seed), held_out="own"))
    for name, spec in section.named.items():
        if spec.enabled:
            datasets.append(load_dataset(name, spec, seed))
    if not any(each.train for each in datasets):
        raise OptionError(
            "no training file",
            "`splade train --train-file train.json`; `splade gen-data DOCS -o data` makes one",
        )
    return datasets


def load_dataset(name: str, spec: DatasetSpec, seed: int) -> DatasetSplits:
    """One named dataset, its parts together. Raises InputError as `load_datasets`."""
    parts = [_load_part(name, part, seed) for part in parts_of(name, spec)]
    whole = DatasetSplits(name, held_out=" and ".join(sorted({part.held_out for part in parts})))
    for part in parts:
        whole.train += part.train
        whole.val += part.val
        whole.test += part.test
        whole.removed = dict(Counter(whole.removed) + Counter(part.removed))
    if spec.max_rows is not None and len(whole.train) > spec.max_rows:
        whole.removed["over max_rows"] = len(whole.train) - spec.max_rows
        random.Random(f"{seed}|{name}|rows").shuffle(whole.train)
        del whole.train[spec.max_rows :]
    if len(parts) == 1:
        whole.file = parts[0].file
    if not whole.train:
        raise InputError(
            f"dataset '{name}' has no training row left: {whole.line()}", "check its filters and columns"
        )
    return whole


def _training_file(train: str, val: str | None, seed: int) -> DatasetSplits:
    splits = _read(train, seed)
    splits.name = "train_file"
    if val:
        splits.val = _val_file(val, seed)
        splits.held_out = "own"
    return splits


def _val_file(path: str, seed: int) -> list[Example]:
    splits = _read(path, seed)
    return splits.val or splits.train


def _read(source: str, seed: int) -> DatasetSplits:
    """A file of rows, where every row has to be right, or anything else that a dataset may be."""
    path = Path(source)
    if path.suffix in _TRAINING_FILES and not path.is_dir():
        return DatasetSplits(source, read_examples(path), file=path)
    return load_dataset(source, DatasetSpec(source=source), seed)


def _load_part(name: str, part: DatasetPart, seed: int) -> DatasetSplits:
    tables = open_tables(part.source, config=part.config, split=part.split, converted=part.converted)
    removed: Counter[str] = Counter()
    reader = RowReader(name, part, removed)
    rows = {split: reader.examples(table) for split, table in tables.items()}
    splits = DatasetSplits(name, rows["train"], rows.get("val", []), rows.get("test", []), dict(removed))
    if Path(part.source).is_file():
        splits.file = Path(part.source)
    has_own = "val" in rows or "test" in rows
    if has_own:
        splits.held_out = "own"
    _, val_share, test_share = part.split_ratio or (1.0, 0.0, 0.0)
    if "val" in rows:
        val_share = 0.0
    if "test" in rows:
        test_share = 0.0
    if val_share or test_share:
        ratio = (1 - val_share - test_share, val_share, test_share)
        splits.train, val, test = held_out(rows["train"], ratio, f"{seed}|{name}|{part.source}")
        splits.val = splits.val or val
        splits.test = splits.test or test
        splits.held_out = "own and cut" if has_own else "cut"
    return splits
