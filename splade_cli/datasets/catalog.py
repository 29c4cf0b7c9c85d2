"""The datasets that have a name of their own: hub ids, columns and filters. A `DatasetSpec` in, what to read out.

Reads no data. A key of the spec wins over what stands here; `source` may be a local copy of the same columns, and for
``scandi_qa`` a folder with one folder or file for each part, called like the last part of its hub id.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from splade_cli.config.schema import DatasetSpec
from splade_cli.errors import InputError, did_you_mean

Shares = tuple[float, float, float]
MOSTLY_TRAINING: Shares = (0.98, 0.01, 0.01)


@dataclass(frozen=True)
class Part:
    """One source of a dataset, and which rows of it are taken.

    Attributes:
        source: path or hub id. `converted`: its repository holds a loading script, the hub's parquet copy is read.
        anchor, positive, negatives, scores: columns; where anchor and positive are both empty, columns are found by
            the names of `corpus.dataset`.
        language: of every row that has no `language_column`.
        keep: column to the values that a row may have.
        shares: train, validation, test, of what the source has no split for; None leaves all rows in train.
        ids: the columns hold ids, and the configurations ``queries`` and ``corpus`` of the same source their texts.
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
    shares: Shares | None = None
    ids: bool = False


NLI = Part(
    "Fremtind/all-nli-norwegian",
    anchor="anchor",
    positive="positive",
    negatives=("negative",),
    language="norwegian",
    shares=MOSTLY_TRAINING,
)
DDSC = Part(
    "DDSC/nordic-embedding-training-data",
    anchor="query",
    positive="positive",
    negatives=("negative",),
    shares=MOSTLY_TRAINING,
)
ETI = Part(
    "thivy/eti-embedding-training-data",
    anchor="anchor",
    positive="positive",
    negatives=("negative",),
    task_column="task_type",
    shares=MOSTLY_TRAINING,
)
PAWS = Part(
    "NbAiLab/norwegian-paws-x",
    config="nb",
    converted=True,
    anchor="sentence1",
    positive="sentence2",
    keep={"label": 1},
    language="norwegian",
    shares=MOSTLY_TRAINING,
)
MSMARCO = Part(
    "sentence-transformers/msmarco-bm25",
    config="triplet",
    anchor="query",
    positive="positive",
    negatives=("negative",),
    language="english",
    shares=(0.998, 0.001, 0.001),
)
NORQUAD = Part(
    "ltg/norquad", anchor="question", positive="context", language="norwegian", shares=MOSTLY_TRAINING
)
OPENBOOKQA = Part(
    "ltg/noropenbookqa",
    config="nb",
    anchor="question_stem",
    positive="fact",
    language="norwegian",
    shares=(0.95, 0.05, 0.0),
)
SCANDIQA = Part(
    "alexandrainst/scandi-qa", converted=True, anchor="question", positive="context", shares=(0.9, 0.1, 0.0)
)
SUPERVISED_DA = Part(
    "jealk/supervised-da", anchor="query", positive="pos", language="danish", shares=(0.8, 0.1, 0.1)
)
KNOWN = {"nli": NLI, "ddsc": DDSC, "eti": ETI, "paws": PAWS, "msmarco": MSMARCO}
NAMES = (*KNOWN, "scandi_qa")

MSMARCO_IDS = "sentence-transformers/msmarco"
"""Its configurations hold ids: triplets, and bert-ensemble-margin-mse with the margin of a teacher."""
_ID_COLUMNS: dict[str, dict[str, Any]] = {
    "triplets": {"negatives": ("negative_id",)},
    "bert-ensemble-margin-mse": {"negatives": ("negative_id",), "scores": "score"},
}


def parts_of(name: str, spec: DatasetSpec) -> list[Part]:
    """What a named dataset is read from.

    Raises:
        InputError: a name that is not known and has no source, or a scandi_qa without any part.
    """
    if name == "scandi_qa":
        return _scandi_qa(spec)
    if name not in KNOWN and spec.source is None:
        near = did_you_mean(name, NAMES)
        raise InputError(
            f"dataset '{name}' has no source",
            f"{near} " * bool(near)
            + f"add datasets.{name}.source: FILE, FOLDER or hub id; known: {', '.join(NAMES)}",
        )
    part = KNOWN.get(name, Part(spec.source or ""))
    if spec.source == MSMARCO_IDS:
        config = spec.config or "triplets"
        if config not in _ID_COLUMNS:
            raise InputError(
                f"dataset '{name}': {MSMARCO_IDS} has no rows of texts in '{config}'",
                f"one of {', '.join(_ID_COLUMNS)}",
            )
        part = replace(
            part, anchor="query_id", positive="positive_id", config=config, ids=True, **_ID_COLUMNS[config]
        )
    elif spec.source is not None and spec.source != part.source:
        local = Path(spec.source).expanduser()
        if spec.config and local.exists() and not (local / spec.config).is_dir():
            raise InputError(
                f"dataset '{name}': no folder {local / spec.config}", "leave config out for a local file"
            )
        part = replace(part, config=part.config if local.is_dir() else None, converted=False)
    return [_with(part, spec)]


def _with(part: Part, spec: DatasetSpec) -> Part:
    changes: dict[str, Any] = {
        "source": spec.source,
        "config": spec.config,
        "split": spec.split,
        "languages": tuple(spec.languages) if spec.languages else None,
        "language_column": spec.language_column,
        "tasks": tuple(spec.tasks) if spec.tasks else None,
        "task_column": spec.task_column,
        "keep": {**part.keep, **spec.keep} if spec.keep else None,
        "shares": spec.split_ratio,
    }
    if spec.columns is not None:
        named = spec.columns
        changes |= {
            "anchor": named.anchor or part.anchor or "anchor",
            "positive": named.positive or part.positive or "positive",
            "negatives": tuple(named.negative),
            "scores": named.scores or "",
        }
    return replace(part, **{key: value for key, value in changes.items() if value is not None})


def _scandi_qa(spec: DatasetSpec) -> list[Part]:
    unwanted = [key for key in ("columns", "config", "split") if getattr(spec, key) is not None]
    if unwanted:
        raise InputError(
            f"scandi_qa has parts of different columns: '{unwanted[0]}' fits none of them",
            "name a part as a dataset of its own, e.g. datasets.norquad.source: ltg/norquad",
        )
    parts: list[Part] = []
    if spec.use_norquad is not False:
        parts.append(NORQUAD)
    if spec.use_openbookqa is not False:
        parts.append(OPENBOOKQA)
    if spec.use_scandiqa is not False:
        languages = spec.scandiqa_languages or ["no", "da", "sv"]
        parts += [replace(SCANDIQA, config=language, language=language) for language in languages]
    if spec.use_supervised_da is not False:
        parts.append(SUPERVISED_DA)
    if spec.use_paws is not False:
        local = Path(spec.paws_data_dir).expanduser() if spec.paws_data_dir else None
        parts.append(replace(PAWS, source=str(local)) if local is not None and local.is_dir() else PAWS)
    if not parts:
        raise InputError(
            "scandi_qa is enabled, and every part of it is off", "set one of its use_* keys to true"
        )
    changes = spec.model_copy(update={"source": None})
    return [_with(_local(part, spec.source), changes) for part in parts]


def _local(part: Part, folder: str | None) -> Part:
    """The part below a folder of local copies, if there is one."""
    if folder is None or Path(part.source).is_dir():
        return part
    name = part.source.rpartition("/")[2]
    for path in (Path(folder) / name, *sorted(Path(folder).glob(f"{name}.*"))):
        if path.exists():
            return replace(part, source=str(path), converted=False)
    raise InputError(
        f"{folder} has no '{name}'", f"put a copy of {part.source} there, or set its use_* key to false"
    )
