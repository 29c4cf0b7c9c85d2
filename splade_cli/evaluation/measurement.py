"""Measurement of a model by all that was asked for: a judged collection, NanoBEIR, MTEB, sparsity on texts.

What cannot be measured is refused before anything is encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.errors import OptionError
from splade_cli.evaluation.benchmarks.nano_beir import nano_collections
from splade_cli.evaluation.benchmarks.results import MTEB, REPORTS, Results, summary
from splade_cli.evaluation.benchmarks.task_scores import TaskScore, require_data, score_tasks
from splade_cli.evaluation.benchmarks.tasks import Task, require_tasks
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.report import Report
from splade_cli.evaluation.sparsity_analysis import SparsityAnalysis, analyze_sparsity
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent
from splade_cli.search.options import AUTO, DEFAULT
from splade_cli.search.retriever import Retriever


@dataclass(frozen=True)
class MeasurementOptions:
    """What is to be measured.

    Attributes:
        data: a collection, and the split of it, see `datasets.collections.load_collection`.
        options: what stands beside the model on collections; its baseline on tasks too.
        nano_beir: see `nano_beir.nano_collections`.
        tasks, languages: of MTEB, see `tasks.require_tasks`.
        texts: for the sparsity; None for no look at it.
        results: earlier ones, files of them, as baselines.
    """

    data: Path | str | Collection | None = None
    split: str | None = None
    options: EvaluationOptions = field(default_factory=EvaluationOptions)
    nano_beir: Sequence[str] = ()
    tasks: Sequence[str] = ()
    languages: Sequence[str] = ()
    texts: Sequence[str] | None = None
    results: Sequence[Results] = ()

    @property
    def needs_model(self) -> bool:
        """Whether a model has to be measured, and not an index that is ready."""
        return bool(self.nano_beir or self.tasks or self.texts is not None)


@dataclass(frozen=True)
class Measurement:
    """What was measured; parts that were not asked for are empty.

    Attributes:
        report: of the collection.
        nano_beir: a report a collection.
        tasks: scores on MTEB.
        baseline_tasks, baseline_sparsity: the same of the baseline, where there is one.
    """

    report: Report | None = None
    nano_beir: tuple[Report, ...] = ()
    tasks: tuple[TaskScore, ...] = ()
    baseline_tasks: tuple[TaskScore, ...] = ()
    sparsity: SparsityAnalysis | None = None
    baseline_sparsity: SparsityAnalysis | None = None

    @property
    def reports(self) -> tuple[Report, ...]:
        """All of them, that of the collection first."""
        return self.nano_beir if self.report is None else (self.report, *self.nano_beir)

    def to_json(self, per_query: bool = True) -> dict[str, Any]:
        """The report alone where nothing else was asked for; else each part under its name."""
        if self.report is not None and not (self.nano_beir or self.tasks or self.sparsity):
            return self.report.to_json(per_query)
        document: dict[str, Any] = {}
        if self.reports:
            document[REPORTS] = [report.to_json(per_query) for report in self.reports]
        if self.tasks:
            document[MTEB] = summary(self.tasks)
        if self.baseline_tasks:
            document["mteb_baseline"] = summary(self.baseline_tasks)
        if self.sparsity is not None:
            document["sparsity"] = self.sparsity.to_json()
        if self.baseline_sparsity is not None:
            document["sparsity_baseline"] = self.baseline_sparsity.to_json()
        return document


def measure(
    model: str | SpladeEmbedder | Retriever,
    wanted: MeasurementOptions,
    *,
    name: str | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Measures a model, or on a collection what is ready to search.

    Args:
        model: ``tiny``, a folder, a hub id or an embedder; or, for a collection alone, what is ready.
        name: what a report calls what is ready.

    Raises:
        InputError, ModelError, ServiceError: something cannot be measured, or nothing was asked for.
    """
    if isinstance(model, str):
        model = SpladeEmbedder(model)
    if wanted.data is None and not wanted.needs_model:
        raise OptionError(
            "nothing to measure",
            "name a collection, tasks of MTEB, collections of NanoBEIR, or texts for the sparsity",
            option="data",
        )
    if wanted.needs_model and not isinstance(model, SpladeEmbedder):
        raise OptionError(
            "MTEB, NanoBEIR and the sparsity on texts are of a model, not of an index", "name its model"
        )
    if wanted.tasks and len(wanted.options.baselines) + len(wanted.results) > 1:
        raise OptionError(
            "several baselines on tasks of MTEB: their table has room for one", "measure them one by one"
        )
    tasks = require_tasks(wanted.tasks, wanted.languages)
    require_data(tasks)
    nano = nano_collections(wanted.nano_beir)
    data = wanted.data
    if isinstance(data, Path | str):
        data = load_collection(data, wanted.split)
    collections = [each for each in (data, *nano) if each is not None]
    for results in wanted.results:
        results.require_common(collections, [task.metadata.name for task in tasks])
    options = _options(wanted)
    other = _baseline_model(wanted)
    looks = [_look(each, wanted.texts) for each in (model, other)]
    report = None
    if data is not None:
        report = evaluate(model, data, options=_beside(options, wanted, data), name=name, progress=progress)
    reports = [
        evaluate(model, each, options=_alone(_beside(options, wanted, each)), progress=progress)
        for each in nano
    ]
    scores: list[TaskScore] = []
    if isinstance(model, SpladeEmbedder):
        scores = score_tasks(model, tasks, progress)
    baseline = _baseline_scores(wanted, other, tasks, progress)
    return Measurement(report, tuple(reports), tuple(scores), tuple(baseline), *looks)


def _alone(options: EvaluationOptions) -> EvaluationOptions:
    """The options with the model first: figures on a benchmark are those of models, not of fusions."""
    search = options.search or DEFAULT
    if search.mode != AUTO:
        return options
    return replace(options, search=replace(search, mode="sparse"))


def _options(wanted: MeasurementOptions) -> EvaluationOptions:
    """The options, with the split that fusion weights are fitted to read."""
    split = wanted.options.fit_split
    if not isinstance(wanted.data, Path | str) or not isinstance(split, str):
        return wanted.options
    return replace(wanted.options, fit_split=load_collection(wanted.data, split))


def _beside(
    options: EvaluationOptions, wanted: MeasurementOptions, collection: Collection
) -> EvaluationOptions:
    """The options, with the earlier results on a collection among its baselines."""
    earlier = [results.report_on(collection) for results in wanted.results]
    known = [report for report in earlier if report is not None]
    return replace(options, baseline=[*options.baselines, *known])


def _baseline_model(wanted: MeasurementOptions) -> SpladeEmbedder | None:
    """The first model among the baselines, which stands beside on tasks and texts."""
    for baseline in wanted.options.baselines:
        if isinstance(baseline, str):
            return SpladeEmbedder(baseline)
        if isinstance(baseline, SpladeEmbedder):
            return baseline
    return None


def _look(model: SpladeEmbedder | Retriever | None, texts: Sequence[str] | None) -> SparsityAnalysis | None:
    if texts is None or not isinstance(model, SpladeEmbedder):
        return None
    return analyze_sparsity(model, texts)


def _baseline_scores(
    wanted: MeasurementOptions, model: SpladeEmbedder | None, tasks: Sequence[Task], progress: Progress
) -> list[TaskScore]:
    names = [task.metadata.name for task in tasks]
    for results in wanted.results:
        known = [results.tasks[name] for name in names if name in results.tasks]
        if known:
            return known
    return [] if model is None else score_tasks(model, tasks, progress)
