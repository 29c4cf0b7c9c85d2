"""One training run, from loading to ``final/``: preflight, validation, training, averaging, card.

config.yaml      the resolved configuration; origins.txt says where each value came from
metrics.jsonl    what was measured, a line each
checkpoints/     for --resume
final/           the model
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.cache import Cache
from splade_cli.config.keys import flatten
from splade_cli.config.resolve import Resolved
from splade_cli.datasets.sources import Loaded
from splade_cli.errors import ServiceError
from splade_cli.evaluation.mteb import mteb_scores, require_tasks
from splade_cli.files import replacing, replacing_folder
from splade_cli.model.options import ModelOptions
from splade_cli.model.splade.decoder import UNCAPPED
from splade_cli.model.trainable import open_trainable
from splade_cli.records import Example, Progress, silent
from splade_cli.training.cached import CACHE
from splade_cli.training.csr.trainer import corpus_texts, prepare_autoencoder
from splade_cli.training.figures import GUARD_MEASURE, Figures
from splade_cli.training.loop.arguments import total_steps
from splade_cli.training.loop.interrupts import Interrupts
from splade_cli.training.publishing.card import as_yaml, model_card
from splade_cli.training.publishing.licence import base_licence, copy_licence
from splade_cli.training.publishing.publish import push_to_hub
from splade_cli.training.recipe import prepare
from splade_cli.training.result import Trained
from splade_cli.training.sparsity.head import make_ready, trim
from splade_cli.training.tracking.metrics_log import Listener, MetricsLog
from splade_cli.training.tracking.trackers import CheckpointPush, Tracker, followed, tracking_callbacks

AVERAGED = ("splade", "inference-free-splade")
"""Architectures whose base is a model of the same kind, worth keeping a part of."""


class Run:
    """One run.

    Args:
        resolved: the configuration.
        output: the run folder.
        datasets: rows of each dataset.
        checkpoint: to go on from.
        listener: called with each row of metrics.jsonl.
        progress: called while teachers score.
    """

    def __init__(
        self,
        resolved: Resolved,
        output: Path,
        datasets: Sequence[Loaded],
        checkpoint: Path | None = None,
        listener: Listener | None = None,
        progress: Progress = silent,
    ) -> None:
        self.resolved, self.config, self.output, self.checkpoint = (
            resolved,
            resolved.config,
            output,
            checkpoint,
        )
        settings = self.config.training
        self.first = int(os.environ.get("RANK", "0")) == 0
        self.notes: list[str] = []
        self.datasets = datasets
        self.sources = {part.name: part.train for part in datasets if part.train}
        self.held_out = [row for part in datasets for row in part.val]
        training = [row for rows in self.sources.values() for row in rows]
        named = self.config.datasets.corpus
        self.corpus = corpus_texts(Path(named)) if named else []
        own = (text for row in training for text in (row.positive, *row.negatives))
        self.documents = list(dict.fromkeys([*self.corpus, *own]))
        _quiet()
        self.trainable = open_trainable(
            self.config.model,
            ModelOptions(
                device=self.config.hardware.device,
                precision="bf16" if settings.bf16 else "fp16" if settings.fp16 else "fp32",
                max_seq_length=settings.max_seq_length,
            ),
            documents=self.documents,
        )
        if settings.truncate_to is not None:
            self.trainable.read_at_most(settings.truncate_to)
        self.encoder = self.trainable.encoder
        if self.first:
            output.mkdir(parents=True, exist_ok=True)
            if checkpoint is None:
                (output / "metrics.jsonl").unlink(missing_ok=True)
            with replacing(output / "config.yaml") as path:
                path.write_text(as_yaml(self.config), encoding="utf-8")
            with replacing(output / "origins.txt") as path:
                path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")
        self.log = MetricsLog(output / "metrics.jsonl", listener if self.first else None, self.first)
        self.figures = Figures(self.config, self.trainable, self.held_out, training, self.log.write)
        self.progress = progress
        self.trackers: list[Tracker] = []
        self.trainer: Any = None
        self.interrupts = Interrupts()

    def train(self) -> Trained:
        """Trains and saves. Raises ModelError, InputError as its parts do."""
        settings = self.config.training
        tasks = require_tasks(self.config.evaluation.mteb_tasks)
        if self.first:
            self.trackers = tracking_callbacks(
                settings.report_to,
                self.output,
                logging_dir=settings.logging_dir,
                run_name=settings.run_name,
                mlflow=self.config.mlflow.model_dump(),
                parameters=flatten(self.config.model_dump()),
                resumed=self.checkpoint is not None,
            )
            self.log.followers = [tracker.record for tracker in self.trackers]
        with followed(self.trackers):
            result = self._train()
            if self.first:
                self._save(result)
                self._publish(result, tasks)
                for tracker in self.trackers:
                    tracker.keep(
                        [self.output / name for name in ("config.yaml", "metrics.jsonl", "final/README.md")]
                    )
        return result

    def _train(self) -> Trained:
        settings = self.config.training
        if self.config.evaluation.preflight and self.config.model.architecture in AVERAGED:
            self.notes += make_ready(self.trainable, self.config, self.documents, self.log.write)
        loss = self.config.loss
        held = loss.target_document_terms is not None or loss.target_query_terms is not None
        alone = settings.tuned_share == 1 or (settings.tuned_share is None and held)
        averaged = not alone and self.config.model.architecture in AVERAGED
        base = {
            name: value.detach().cpu().clone()
            for name, value in self.encoder.state_dict().items()
            if averaged
        }
        for part in self.datasets:
            self.log.write({"step": 0, "dataset": part.line()})
        self.sources = self._scored(self.sources)
        before, guard_before = self.figures.measure(), self.figures.guard()
        if before or guard_before:
            self.log.write({"step": 0, **before, **guard_before, "stage": "before"})
        self.prepared()
        self.figures.step = lambda: self.trainer.state.global_step
        if hasattr(self.trainer, "mean_loss"):
            self.figures.held_out_loss = self.trainer.mean_loss
        try:
            with self.interrupts:
                self.trainer.train(resume_from_checkpoint=str(self.checkpoint) if self.checkpoint else None)
        except KeyboardInterrupt:
            if self.trainer.state.global_step and self.interrupts.whole and not self.interrupts.saved:
                self.trainer._save_checkpoint(self.trainer.model, trial=None)
            raise
        state = self.trainer.state
        share = self.figures.average(base, guard_before.get(GUARD_MEASURE)) if averaged else 1.0
        if self.config.model.architecture in AVERAGED:
            queries = [row.query for rows in (*self.sources.values(), self.held_out) for row in rows]
            self.notes += trim(self.trainable, self.config, self.documents, queries, self.log.write)
        after, guard_after = self.figures.measure(), self.figures.guard()
        if after or guard_after:
            self.log.write({"step": state.global_step, **after, **guard_after, "stage": "after"})
        return Trained(
            self.output / "final",
            state.global_step,
            state.best_global_step or state.global_step,
            before,
            after,
            share,
            sum(map(len, self.sources.values())),
            guard_before,
            guard_after,
            self.notes,
        )

    def prepared(self) -> Any:
        """The trainer, before its first step."""
        measure = self.figures.measure if self.figures.validation else None
        callbacks: list[Any] = [self.interrupts, self.log, *self.trackers]
        settings = self.config.training
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
            return self.trainer
        self.trainer = prepare(
            self.trainable,
            self.config,
            self.sources,
            self.held_out,
            self.output,
            measure,
            callbacks,
        )
        return self.trainer

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return total_steps(self.trainer, self.config.training)

    def _scored(self, sources: Mapping[str, list[Example]]) -> dict[str, list[Example]]:
        """Rows with the scores of the teachers that the configuration names."""
        wanted = self.config.loss
        if not wanted.teachers or self.config.model.architecture == "csr":
            return dict(sources)
        from splade_cli.training.teachers.scores import BATCH_SIZE, scored

        options = ModelOptions(
            device=self.config.hardware.device,
            batch_size=BATCH_SIZE,
            trust_remote_code=self.config.model.trust_remote_code,
            allow_pickle=self.config.model.allow_pickle,
        )
        result = {}
        with Cache(self.output / CACHE) as cache:
            for name, rows in sources.items():
                result[name], report = scored(
                    rows,
                    wanted.teachers,
                    cache,
                    options,
                    false_negatives=wanted.false_negatives,
                    rescore=wanted.rescore,
                    raw=wanted.raw_scores,
                    progress=self.progress,
                )
                self.log.write({"step": 0, "dataset": name, "teacher": vars(report)})
                if not report.scored:
                    self.notes.append(
                        f"no row of {name} was scored by a teacher: they carry scores, or have no negatives"
                    )
        return result

    def _save(self, result: Trained) -> None:
        self.trainable.read_at_most(self.trainable.view.model.max_seq_length)
        with replacing_folder(result.model_dir) as temporary:
            self.encoder.save_pretrained(str(temporary), create_model_card=False, safe_serialization=True)
            card = model_card(
                self.config,
                result,
                dimensions=self.trainable.view.model.dimensions,
                uncapped=bool(
                    getattr(getattr(self.trainable.transformer.model, "config", None), UNCAPPED, False)
                ),
                data={name: len(rows) for name, rows in self.sources.items()},
                sources=dict(
                    Counter(row.source for rows in self.sources.values() for row in rows if row.source)
                ),
                guard=(result.guard_before, result.guard_after) if result.guard_after else None,
                guard_name=Path(self.config.evaluation.guard or "").name,
            )
            (temporary / "README.md").write_text(card, encoding="utf-8")
            copy_licence(base_licence(self.config.model.base_model), temporary)
            record = {
                "steps": result.steps,
                "share": result.share,
                "before": result.before,
                "after": result.after,
            }
            (temporary / "training.json").write_text(json.dumps(record, indent=2), encoding="utf-8")

    def _publish(self, result: Trained, tasks: Sequence[Any]) -> None:
        """MTEB's scores and the hub, after the model is safe: what fails here is a note and costs nothing."""
        settings = self.config.training
        try:
            scores = mteb_scores(self.encoder, tasks)
            if scores:
                self.log.write({"step": result.steps, **scores})
        except ServiceError as error:
            result.notes.append(f"{error.message} ({error.hint})")
        if settings.push_to_hub and settings.hub_model_id:
            pushed = push_to_hub(
                result.model_dir, settings.hub_model_id, private=settings.hub_private_repo or None
            )
            result.notes.append(f"published as {pushed.url}")


def _quiet() -> None:
    """Notes for people who write training loops do not belong between a user's figures."""
    for message in (".*pin_memory.*", ".*broadcast_buffers.*"):
        warnings.filterwarnings("ignore", message=message)
    for name in ("sentence_transformers", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import datasets

    datasets.disable_progress_bars()
