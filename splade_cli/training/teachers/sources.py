"""Teachers of a run: their scores of all datasets, or a dense one's vectors, as its configuration asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from splade_cli.config.schema import Config, LossSection
from splade_cli.datasets.loading import DatasetSplits
from splade_cli.datasets.teacher_run import TeacherRun, teacher_run_beside
from splade_cli.errors import InputError
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Example
from splade_cli.storage.cache import Cache
from splade_cli.training.teachers.kinds import AUTO, kind_of, teacher_at_hand
from splade_cli.training.teachers.matrix import TeacherMatrix, teacher_matrix
from splade_cli.training.teachers.scores import BATCH_SIZE, TeacherReport, scored


@dataclass
class Taught:
    """Rows by dataset, with scores or beside a matrix of vectors; rows for the log, and sentences."""

    sources: dict[str, list[Example]]
    vectors: TeacherMatrix | None = None
    told: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def with_named_teacher(config: Config) -> Config:
    """The configuration with the teacher that ``auto`` stands for, or none where none is at hand."""
    if config.loss.teachers != [AUTO]:
        return config
    found = teacher_at_hand(config.model.base_model)
    loss = config.loss.model_copy(update={"teachers": [] if found is None else [found]})
    return config.model_copy(update={"loss": loss})


def in_batch_teacher(config: Config) -> str | None:
    """The dense model that all documents of a batch are distilled from, None where rows have scores instead.

    Raises:
        InputError: `in_batch_kl` was asked for with another teacher. ModelError: no such model.
    """
    loss = config.loss
    asked = loss.type == "in_batch_kl"
    usual = loss.type == "auto" and config.model.architecture == "laspar"
    if len(loss.teachers) != 1 or not (asked or usual):
        return None
    kind, source = kind_of(loss.teachers[0])
    if kind == "dense":
        return source
    if asked:
        raise InputError(
            f"loss 'in_batch_kl' needs a dense teacher, and {loss.teachers[0]} is a {kind} one",
            "name a dense model, or use the loss kl",
        )
    return None


def ask_teachers(
    sources: Mapping[str, list[Example]],
    held_out: Sequence[Example],
    config: Config,
    cache: Cache,
    progress: Progress = silent,
) -> Taught:
    """What the teachers that a configuration names say of the rows of all datasets.

    A teacher of whole batches gives vectors, of held-out rows too, and no scores; it is asked for scores
    where false negatives are to be told by them.

    Raises:
        InputError, ModelError: as `scored`.
    """
    in_batch = in_batch_teacher(config)
    taught = Taught(dict(sources))
    if in_batch is None or config.loss.false_negatives != "keep":
        scored_rows, reports = scored_sources(sources, config, cache, progress)
        for name, report in reports.items():
            taught.told.append({"dataset": name, "teacher": vars(report)})
            if in_batch is None and not report.scored:
                taught.notes.append(
                    f"no row of {name} was scored by a teacher: they carry scores, or have no negatives"
                )
            rows = scored_rows[name]
            if in_batch is not None:
                pairs = zip(sources[name], rows, strict=True)
                rows = [row if old.scores else replace(row, scores=None) for old, row in pairs]
            taught.sources[name] = rows
    if in_batch is not None:
        every = [row for part in (*taught.sources.values(), held_out) for row in part]
        taught.vectors = teacher_matrix(in_batch, every, cache, _options(config), progress)
        taught.told.append({"teacher": {"name": in_batch, **asdict(taught.vectors.counts)}})
    return taught


def teacher_runs(datasets: Sequence[DatasetSplits], loss: LossSection) -> dict[str, TeacherRun]:
    """The runs that lie beside training files, by the name of their dataset, where rows learn from them.

    Raises:
        InputError: one that cannot be read.
    """
    runs: dict[str, TeacherRun] = {}
    if loss.source_chunk == "keep" or loss.type not in ("auto", "kl"):
        return runs
    for dataset in datasets:
        run = None if dataset.file is None else teacher_run_beside(dataset.file)
        if run is not None:
            runs[dataset.name] = run
    return runs


def scored_sources(
    sources: Mapping[str, list[Example]], config: Config, cache: Cache, progress: Progress = silent
) -> tuple[dict[str, list[Example]], dict[str, TeacherReport]]:
    """Rows with scores, and what scoring did, by dataset."""
    loss = config.loss
    options = _options(config)
    rows: dict[str, list[Example]] = {}
    reports: dict[str, TeacherReport] = {}
    for name, examples in sources.items():
        rows[name], reports[name] = scored(
            examples,
            loss.teachers,
            cache,
            options,
            false_negatives=loss.false_negatives,
            rescore=loss.rescore,
            raw=loss.raw_scores,
            progress=progress,
        )
    return rows, reports


def _options(config: Config) -> ModelOptions:
    """How teachers are opened."""
    return ModelOptions(
        device=config.hardware.device,
        batch_size=BATCH_SIZE,
        trust_remote_code=config.model.trust_remote_code,
        allow_pickle=config.model.allow_pickle,
    )
