"""A training run: preflight, teacher scores, validation, the loop, weight averaging, the model.

See `run_folder` for the files that it writes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from splade_cli.config.resolve import Resolved
from splade_cli.datasets.loading import DatasetSplits
from splade_cli.errors import ServiceError
from splade_cli.progress import Progress, silent
from splade_cli.storage.cache import Cache
from splade_cli.training.averaging import WITH_VOCABULARY, copied_weights, wanted_share
from splade_cli.training.csr.recipe import prepare_autoencoder
from splade_cli.training.csr.texts import corpus_texts
from splade_cli.training.figures import GUARD_MEASURE, Figures
from splade_cli.training.loop.arguments import total_steps
from splade_cli.training.loop.interrupts import Interrupts
from splade_cli.training.loop.log_messages import quieten
from splade_cli.training.loop.prerequisites import Prerequisites, require_prerequisites
from splade_cli.training.outline import dataset_statistics, outline
from splade_cli.training.publishing.model_folder import CARD, save_model
from splade_cli.training.publishing.publish import push_to_hub
from splade_cli.training.recipe import model_options, prepare, with_precision
from splade_cli.training.result import Trained
from splade_cli.training.run_folder import CACHE, CONFIG, FINAL, METRICS, REPORT, begin_run_folder
from splade_cli.training.sparsity.head import make_ready, trim
from splade_cli.training.teachers.matrix import TeacherMatrix
from splade_cli.training.teachers.sources import (
    ask_teachers,
    in_batch_teacher,
    teacher_runs,
    with_named_teacher,
)
from splade_cli.training.tracking.metrics_log import MetricsLog
from splade_cli.training.tracking.page import write_report
from splade_cli.training.tracking.rows import Listener
from splade_cli.training.tracking.tracker import Tracker
from splade_cli.training.tracking.trackers import CheckpointPush, begin_tracking, followed
from splade_cli.training.trainable import open_trainable


class TrainingRun:
    """One run.

    Args:
        resolved: the configuration.
        output: the run folder.
        datasets: rows of each dataset.
        checkpoint: to go on from.
        listener: called with each row of metrics.jsonl.
        progress: called while teachers score.
        needed: of the configuration, where it was found before.
    """

    def __init__(
        self,
        resolved: Resolved,
        output: Path,
        datasets: Sequence[DatasetSplits],
        checkpoint: Path | None = None,
        listener: Listener | None = None,
        progress: Progress = silent,
        *,
        needed: Prerequisites | None = None,
    ) -> None:
        self.resolved = resolved
        self.config = with_precision(resolved.config)
        self.needed = needed or require_prerequisites(self.config)
        self.output = output
        self.datasets = datasets
        self.checkpoint = checkpoint
        self.progress = progress
        self.is_first = int(os.environ.get("RANK", "0")) == 0
        self.notes: list[str] = []
        self.sources = {dataset.name: dataset.train for dataset in datasets if dataset.train}
        self.runs = teacher_runs(datasets, self.config.loss)
        self.held_out = [row for dataset in datasets for row in dataset.val]
        training = [row for rows in self.sources.values() for row in rows]
        corpus = self.config.datasets.corpus
        self.corpus = corpus_texts(Path(corpus)) if corpus else []
        in_rows = [text for row in training for text in (row.positive, *row.negatives)]
        self.documents = list(dict.fromkeys([*self.corpus, *in_rows]))
        quieten()
        options = model_options(self.config)
        seed = self.config.training.seed
        self.trainable = open_trainable(self.config.model, options, documents=self.documents, seed=seed)
        if self.config.training.truncate_to is not None:
            self.trainable.read_at_most(self.config.training.truncate_to)
        self.encoder = self.trainable.encoder
        self.config = with_named_teacher(self.config)
        in_batch_teacher(self.config)  # one that is of the wrong kind is refused before anything is computed
        self.teacher: TeacherMatrix | None = None
        if self.is_first:
            begin_run_folder(output, replace(resolved, config=self.config), resumed=checkpoint is not None)
        self.log = MetricsLog(output / METRICS, listener if self.is_first else None, self.is_first)
        runs = list(self.runs.values())
        self.figures = Figures(
            self.config, self.trainable, self.held_out, training, self.log.write, self.needed, runs
        )
        self.trackers: list[Tracker] = []
        self.trainer: Any = None
        self.interrupts = Interrupts()

    @property
    def has_vocabulary(self) -> bool:
        """Whether the dimensions are terms of a vocabulary, and so the base's own."""
        return self.config.model.architecture in WITH_VOCABULARY

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return total_steps(self.trainer, self.config.training)

    def train(self) -> Trained:
        """Trains and saves. Raises ModelError, InputError as its parts do."""
        with followed(self.trackers):
            result = self._train()
            if self.is_first:
                self.trainable.read_at_most(self.trainable.view.model.max_seq_length)
                save_model(self.trainable, self.config, result, self.sources)
                self._publish(result)
                settings = replace(self.resolved, config=self.config).entries()
                write_report(self.output, result, settings, self.trackers)
                for tracker in self.trackers:
                    tracker.keep([self.output / name for name in (METRICS, REPORT)])
                    tracker.keep([self.output / FINAL / CARD])
        return result

    def prepared(self) -> Any:
        """The trainer, before its first step."""
        settings = self.config.training
        measure = self.figures.measure if self.figures.validates else None
        callbacks: list[Any] = [self.interrupts, self.log]
        if settings.push_to_hub and settings.hub_strategy == "checkpoint" and settings.hub_model_id:
            callbacks.append(CheckpointPush(settings.hub_model_id, settings.hub_private_repo or None))
        if self.config.model.architecture == "csr":
            self.trainer = prepare_autoencoder(
                self.trainable,
                self.config,
                self.corpus,
                self.sources,
                self.output,
                measure,
                callbacks,
                self.progress,
            )
        else:
            self.trainer = prepare(
                self.trainable,
                self.config,
                self.sources,
                self.held_out,
                self.output,
                measure,
                callbacks,
                self.teacher,
                self.runs,
            )
        return self.trainer

    def outline(self) -> dict[str, str]:
        """What the prepared run is going to do, in sentences."""
        return outline(self.config, self.trainable, self.trainer, self.sources)

    def _track(self) -> None:
        """Begins what `training.report_to` asks for, when nothing refuses the run any more."""
        statistics = dataset_statistics(self.datasets, self.sources, self.trainer)
        facts = {**statistics, "run.model": str(self.output / FINAL)}
        self.trackers += begin_tracking(self.config, self.output, facts, self.checkpoint is not None)
        self.log.follow([tracker.record for tracker in self.trackers])
        for tracker in self.trackers:
            tracker.keep([self.output / CONFIG])
            self.trainer.add_callback(tracker)
            self.log.write({"step": 0, "outline": "curves", "is": tracker.viewer})

    def _train(self) -> Trained:
        if self.config.evaluation.preflight and self.has_vocabulary:
            self.notes += make_ready(self.trainable, self.config, self.documents, self.log.write)
        averaged = wanted_share(self.config, is_adaptation=self.trainable.was_sparse) != 1
        base = copied_weights(self.encoder) if averaged else {}
        for dataset in self.datasets:
            self.log.write({"step": 0, "dataset": dataset.line()})
        if self.config.loss.teachers and self.config.model.architecture != "csr":
            self._ask_teachers()
        before = self.figures.measure()
        guard_before = self.figures.guard()
        if before or guard_before:
            self.log.write({"step": 0, **before, **guard_before, "stage": "before"})
        self.prepared()
        if self.is_first:
            self._track()
        for topic, sentence in self.outline().items():
            self.log.write({"step": 0, "outline": topic, "is": sentence})
        self.figures.step = lambda: self.trainer.state.global_step
        if hasattr(self.trainer, "mean_loss"):
            self.figures.held_out_loss = self.trainer.mean_loss
        self._loop()
        state = self.trainer.state
        share = self.figures.average(base, guard_before.get(GUARD_MEASURE)) if averaged else 1.0
        if self.has_vocabulary:
            rows = [row for source in (*self.sources.values(), self.held_out) for row in source]
            queries = [row.query for row in rows]
            self.notes += trim(self.trainable, self.config, self.documents, queries, self.log.write)
        after = self.figures.measure()
        guard_after = self.figures.guard()
        if after or guard_after:
            self.log.write({"step": state.global_step, **after, **guard_after, "stage": "after"})
        return Trained(
            model_dir=self.output / FINAL,
            steps=state.global_step,
            best_step=state.best_global_step or state.global_step,
            before=before,
            after=after,
            share=share,
            rows=sum(map(len, self.sources.values())),
            guard_before=guard_before,
            guard_after=guard_after,
            notes=self.notes,
            is_dense=self.trainable.is_dense,
            doubts=self.figures.doubts(),
            viewers=[tracker.viewer for tracker in self.trackers],
        )

    def _loop(self) -> None:
        """All steps; Ctrl-C leaves a checkpoint where weights, optimiser and step number belong together."""
        checkpoint = str(self.checkpoint) if self.checkpoint else None
        try:
            with self.interrupts:
                self.trainer.train(resume_from_checkpoint=checkpoint)
        except KeyboardInterrupt:
            if self.trainer.state.global_step and self.interrupts.whole and not self.interrupts.saved:
                self.trainer._save_checkpoint(self.trainer.model, trial=None)
            raise

    def _ask_teachers(self) -> None:
        """Gives the rows what the teachers that the configuration names say of them."""
        with Cache(self.output / CACHE) as cache:
            taught = ask_teachers(self.sources, self.held_out, self.config, cache, self.progress)
        self.sources = taught.sources
        self.teacher = taught.vectors
        for row in taught.told:
            self.log.write({"step": 0, **row})
        self.notes += taught.notes

    def _publish(self, result: Trained) -> None:
        """MTEB's scores and the hub, after the model is safe: what fails here is a note and costs nothing."""
        settings = self.config.training
        try:
            scores = self.figures.mteb()
            if scores:
                self.log.write({"step": result.steps, **scores})
        except ServiceError as error:
            task = self.config.evaluation.mteb_tasks[0]
            again = f"splade evaluate --model {result.model_dir} --mteb {task}"
            result.notes.append(f"{error.message} (the model is saved: {again})")
        if settings.push_to_hub and settings.hub_model_id:
            private = settings.hub_private_repo or None
            pushed = push_to_hub(result.model_dir, settings.hub_model_id, private=private)
            result.notes.append(f"published as {pushed.url}")
