"""Catalog of the datasets that are known by name: hub ids, columns and filters of each.

A key of a `DatasetSpec` wins over what stands here; `source` may be a local copy of the same columns, and for
``scandi_qa`` a folder with one folder or file for each part, called like the last part of its hub id.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from splade_cli.config.schema import DatasetSpec
from splade_cli.datasets.splits import SplitRatio
from splade_cli.errors import InputError, did_you_mean

MOSTLY_TRAINING: SplitRatio = (0.98, 0.01, 0.01)


@dataclass(frozen=True)
class DatasetPart:
    """One source of a dataset, and which rows of it are taken.

    Attributes:
        source: path or hub id. `converted`: its repository holds a loading script, the hub's parquet copy is
            read.
        anchor, positive, negatives, scores: columns; where anchor and positive are both empty, columns are
            found by the names of `datasets.examples`.
        language: of every row that has no `language_column`.
        keep: column to the values that a row may have.
        split_ratio: train, validation, test, of what the source has no split for; None leaves all rows in
            train.
        ids: the columns hold ids, and the configurations ``queries`` and ``corpus`` of the same source their
            texts.
    """

    source: str
    config: str | None = None
    split: str | None = None
    converted: bool = False
    anchor: str = ""
    positive: str = ""
    negatives: tuple[str, ...] = ()
    scores: str = ""
    language: str = ""
    language_column: str = "language"
    languages: tuple[str, ...] = ()
    task_column: str = "task"
    tasks: tuple[str, ...] = ()
    keep: dict[str, Any] = field(default_factory=dict)
    split_ratio: SplitRatio | None = None
    ids: bool = False


NLI = DatasetPart(
    "Fremtind/all-nli-norwegian",
    anchor="anchor",
    positive="positive",
    negatives=("negative",),
    language="norwegian",
    split_ratio=MOSTLY_TRAINING,
)
DDSC = DatasetPart(
    "DDSC/nordic-embedding-training-data",
    anchor="query",
    positive="positive",
    negatives=("negative",),
    split_ratio=MOSTLY_TRAINING,
)
ETI = DatasetPart(
    "thivy/eti-embedding-training-data",
    anchor="anchor",
    positive="positive",
    negatives=("negative",),
    task_column="task_type",
    split_ratio=MOSTLY_TRAINING,
)
PAWS = DatasetPart(
    "NbAiLab/norwegian-paws-x",
    config="nb",
    converted=True,
    anchor="sentence1",
    positive="sentence2",
    keep={"label": 1},
    language="norwegian",
    split_ratio=MOSTLY_TRAINING,
)
MSMARCO = DatasetPart(
    "sentence-transformers/msmarco-bm25",
    config="triplet",
    anchor="query",
    positive="positive",
    negatives=("negative",),
    language="english",
    split_ratio=(0.998, 0.001, 0.001),
)
NORQUAD = DatasetPart(
    "ltg/norquad", anchor="question", positive="context", language="norwegian", split_ratio=MOSTLY_TRAINING
)
OPENBOOKQA = DatasetPart(
    "ltg/noropenbookqa",
    config="nb",
    anchor="question_stem",
    positive="fact",
    language="norwegian",
    split_ratio=(0.95, 0.05, 0.0),
)
SCANDIQA = DatasetPart(
    "alexandrainst/scandi-qa",
    converted=True,
    anchor="question",
    positive="context",
    split_ratio=(0.9, 0.1, 0.0),
)
SUPERVISED_DA = DatasetPart(
    "jealk/supervised-da", anchor="query", positive="pos", language="danish", split_ratio=(0.8, 0.1, 0.1)
)
SCANDI_QA_PARTS = {
    "norquad": NORQUAD,
    "openbookqa": OPENBOOKQA,
    "scandiqa-no": replace(SCANDIQA, config="no", language="no"),
    "scandiqa-da": replace(SCANDIQA, config="da", language="da"),
    "scandiqa-sv": replace(SCANDIQA, config="sv", language="sv"),
    "supervised-da": SUPERVISED_DA,
    "paws": PAWS,
}
KNOWN = {"nli": NLI, "ddsc": DDSC, "eti": ETI, "paws": PAWS, "msmarco": MSMARCO}
NAMES = (*KNOWN, "scandi_qa")

MSMARCO_IDS = "sentence-transformers/msmarco"
"""Its configurations hold ids: triplets, and bert-ensemble-margin-mse with the margin of a teacher."""
_ID_COLUMNS: dict[str, dict[str, Any]] = {
    "triplets": {"negatives": ("negative_id",)},
    "bert-ensemble-margin-mse": {"negatives": ("negative_id",), "scores": "score"},
}


def parts_of(name: str, spec: DatasetSpec) -> list[DatasetPart]:
    """What a named dataset is read from.

    Raises:
        InputError: a name that is not known and has no source, or a scandi_qa without any part.
    """
    if name == "scandi_qa":
        return _scandi_qa(spec)
    if name not in KNOWN and spec.source is None:
        hint = f"add datasets.{name}.source: FILE, FOLDER or hub id; known: {', '.join(NAMES)}"
        nearest = did_you_mean(name, NAMES)
        raise InputError(f"dataset '{name}' has no source", f"{nearest} {hint}".lstrip())
    part = KNOWN.get(name, DatasetPart(spec.source or ""))
    if spec.source == MSMARCO_IDS:
        part = _of_ids(name, part, spec.config or "triplets")
    elif spec.source is not None and spec.source != part.source:
        part = _elsewhere(name, part, spec.source, spec.config)
    return [_with(part, spec)]


def _of_ids(name: str, part: DatasetPart, config: str) -> DatasetPart:
    """A configuration of MS MARCO that holds ids in place of texts."""
    if config not in _ID_COLUMNS:
        raise InputError(
            f"dataset '{name}': {MSMARCO_IDS} has no rows of texts in '{config}'",
            f"one of {', '.join(_ID_COLUMNS)}",
        )
    columns = _ID_COLUMNS[config]
    return replace(part, anchor="query_id", positive="positive_id", config=config, ids=True, **columns)


def _elsewhere(name: str, part: DatasetPart, source: str, config: str | None) -> DatasetPart:
    """A known part whose rows are read from a copy: what belongs to its place on the hub is dropped."""
    local = Path(source).expanduser()
    if config and local.exists() and not (local / config).is_dir():
        raise InputError(f"dataset '{name}': no folder {local / config}", "leave config out for a local file")
    if not local.is_dir():
        part = replace(part, config=None)
    return replace(part, converted=False)


def _with(part: DatasetPart, spec: DatasetSpec) -> DatasetPart:
    """The part with all that the settings say of it."""
    changes: dict[str, Any] = {}
    for key in ("source", "config", "split", "language_column", "task_column", "split_ratio"):
        changes[key] = getattr(spec, key)
    if spec.languages:
        changes["languages"] = tuple(spec.languages)
    if spec.tasks:
        changes["tasks"] = tuple(spec.tasks)
    if spec.keep:
        changes["keep"] = {**part.keep, **spec.keep}
    if spec.columns is not None:
        named = spec.columns
        changes |= {
            "anchor": named.anchor or part.anchor or "anchor",
            "positive": named.positive or part.positive or "positive",
            "negatives": tuple(named.negative),
            "scores": named.scores or "",
        }
    return replace(part, **{key: value for key, value in changes.items() if value is not None})


def _scandi_qa(spec: DatasetSpec) -> list[DatasetPart]:
    unwanted = [key for key in ("columns", "config", "split") if getattr(spec, key) is not None]
    if unwanted:
        raise InputError(
            f"scandi_qa has parts of different columns: '{unwanted[0]}' fits none of them",
            "name a part as a dataset of its own, e.g. datasets.norquad.source: ltg/norquad",
        )
    chosen = spec.parts
    if chosen is None:
        chosen = list(SCANDI_QA_PARTS)
    if not chosen:
        raise InputError(
            "scandi_qa is enabled, and every part of it is off", f"name some of {', '.join(SCANDI_QA_PARTS)}"
        )
    changes = spec.model_copy(update={"source": None})
    return [_with(_scandi_qa_part(text, spec.source), changes) for text in chosen]


def _scandi_qa_part(text: str, folder: str | None) -> DatasetPart:
    """The part that ``name`` or ``name=path`` names, read below `folder` where all of them lie there."""
    name, has_path, path = text.partition("=")
    if name not in SCANDI_QA_PARTS:
        raise InputError(
            f"scandi_qa has no part '{name}'",
            did_you_mean(name, SCANDI_QA_PARTS) or f"one of {', '.join(SCANDI_QA_PARTS)}",
        )
    part = SCANDI_QA_PARTS[name]
    if has_path:
        local = Path(path).expanduser()
        if not local.exists():
            raise InputError(
                f"scandi_qa: no such file or folder: {local}", f"leave it out to read {part.source}"
            )
        return replace(part, source=str(local))
    if folder is not None:
        return _local(part, folder)
    return part


def _local(part: DatasetPart, folder: str) -> DatasetPart:
    """The part in a folder of local copies, each called like the last part of its hub id."""
    name = part.source.rpartition("/")[2]
    for path in (Path(folder) / name, *sorted(Path(folder).glob(f"{name}.*"))):
        if path.exists():
            return replace(part, source=str(path), converted=False)
    raise InputError(
        f"{folder} has no '{name}'", f"put a copy of {part.source} there, or leave it out of parts"
    )
