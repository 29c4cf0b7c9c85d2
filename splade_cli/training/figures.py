"""Measurements of a model in training: on held-out rows, on NanoBEIR, and on a guard collection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.datasets.teacher_run import TeacherRun, is_for_others
from splade_cli.evaluation.benchmarks.nano_beir import nano_figures
from splade_cli.evaluation.benchmarks.task_scores import score_tasks
from splade_cli.evaluation.metrics import means
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encode import encode
from splade_cli.records import Example
from splade_cli.training.averaging import (
    AUTO,
    average,
    average_by_guard,
    average_by_validation,
    lead_of_the_best,
)
from splade_cli.training.loop.arguments import best_measure
from splade_cli.training.loop.prerequisites import Prerequisites
from splade_cli.training.tracking.rows import Listener
from splade_cli.training.trainable import Trainable
from splade_cli.training.validation import MEASURES, Validation

SHARES = (0.5, 0.75, 1.0)
"""Tuned shares that validation chooses from."""
USUAL_SHARE = 0.5
"""Tuned share where nobody names one."""
GUARDED_SHARES = (USUAL_SHARE, 0.375, 0.25, 0.125)
"""The same with a guard: the largest whose nDCG@10 there falls by at most GUARD_LOSS of itself."""
GUARD_LOSS = 0.01
GUARD_MEASURE = "guard_nDCG@10"
SAMPLE_TERMS = 10
NDCG = "nDCG@10"


class Figures:
    """Measures a model with its current weights.

    Args:
        trainable: what is measured.
        held_out: validation rows; without any there are figures of NanoBEIR alone.
        training: rows whose documents make the validation's corpus larger.
        write: appends a row to the run's log.
        needed: tasks of MTEB, collections of NanoBEIR and the guard, where they are asked for.
        runs: of teachers, which judge held-out queries that were written from a chunk.
    """

    def __init__(
        self,
        config: Config,
        trainable: Trainable,
        held_out: Sequence[Example],
        training: Sequence[Example],
        write: Listener,
        needed: Prerequisites,
        runs: Sequence[TeacherRun] = (),
    ) -> None:
        self.config = config
        self.trainable = trainable
        self.write = write
        self.needed = needed
        self._are_written = any(is_for_others(row.query_type) for row in held_out)
        self.validation: Validation | None = None
        if held_out:
            self.validation = Validation.from_examples(held_out, training, config.training.seed, runs)
        self._nano = {each.name: Validation.from_collection(each) for each in needed.nano_beir}
        self._guard: Validation | None = None
        if needed.guard is not None:
            self._guard = Validation.from_collection(needed.guard)
        self.batch_size = config.training.per_device_eval_batch_size
        self.best = best_measure(config)[0]
        self.held_out_loss: Callable[[], float] = lambda: math.nan
        self.step: Callable[[], int] = lambda: 0
        self._values: dict[int, Mapping[str, float]] = {}
        self._on_the_way: dict[int, Mapping[str, float]] = {}

    def average(self, base: Mapping[str, Any], guard: float | None = None) -> float:
        """Mixes tuned weights with those of `base` as `training.tuned_share` says; returns the share.

        Args:
            base: parameters by name, as they were before the first step.
            guard: nDCG@10 of `base` on the guard collection, where there is one.
        """
        self._on_the_way = {step: values for step, values in self._values.items() if step}
        wanted = self.config.training.tuned_share
        encoder = self.trainable.encoder
        row: dict[str, object]
        if wanted == "validation" and self.validation is not None:
            share, tried = average_by_validation(encoder, base, SHARES, self._by_query)
            row = {"averaging": tried, "share": share}
        elif guard and wanted == AUTO:
            threshold = (1 - GUARD_LOSS) * guard
            share, tried = average_by_guard(
                encoder, base, GUARDED_SHARES, lambda: self.guard()[GUARD_MEASURE], threshold
            )
            row = {"share": share, "guarded": tried}
        else:
            share = wanted if isinstance(wanted, float) else USUAL_SHARE
            average(encoder, base, share)
            row = {"share": share}
        self.write({"step": self.step(), **row})
        return share

    def doubts(self) -> tuple[str, ...]:
        """What speaks against the average that was measured last, in sentences."""
        found = lead_of_the_best(self._on_the_way, self._values.get(self.step(), {}))
        if found is None or not self._on_the_way:
            return ()
        step, versus = found
        told = (
            f"the weights of step {step} were better on the held-out rows than their average with the base, "
            f"which was saved: {self._chosen_by} {versus.difference:+.4f}, p = {versus.p_value:.4f}; "
            "load_best_model_at_end keeps the best"
        )
        if self._are_written:
            told += ", though rows that are written as those of training are flatter tuned weights"
        return (told,)

    @property
    def _chosen_by(self) -> str:
        """The best measure, or nDCG@10 where that is none of ours."""
        return self.best if self._is_ranking_measure else NDCG

    def _by_query(self) -> Mapping[str, float]:
        """`_chosen_by` of each validation query."""
        assert self.validation is not None
        measure = self._chosen_by
        return self.validation.values(self.trainable.loaded, self.batch_size, [measure])[0][measure]

    @property
    def _is_ranking_measure(self) -> bool:
        return self.best != "loss" and not self.best.startswith("NanoBEIR")

    @property
    def validates(self) -> bool:
        """Whether there is something to choose the best weights by."""
        return self.validation is not None or (bool(self._nano) and self.best.startswith("NanoBEIR"))

    def measure(self) -> dict[str, float]:
        """Validation figures, and NanoBEIR's where asked for; without validation rows these alone."""
        if self.validation is None:
            return self._nanobeir()
        settings = self.config.evaluation
        names = list(MEASURES)
        if self._is_ranking_measure and self.best not in names:
            names.append(self.best)
        values, terms = self.validation.values(self.trainable.loaded, self.batch_size, names)
        self._values[self.step()] = values[self._chosen_by]
        figures = {**means(values), **terms}
        if not settings.track_sparsity:
            figures = {name: value for name, value in figures.items() if not name.endswith("_terms")}
        if self.best == "loss":
            figures["loss"] = self.held_out_loss()
        figures |= self._nanobeir()
        if settings.log_decoded_samples:
            self._log_samples(settings.log_decoded_samples)
        return figures

    def _nanobeir(self) -> dict[str, float]:
        """nDCG@10 on the collections of NanoBEIR, and their mean; empty where it is not asked for."""
        figures = {}
        for name, collection in self._nano.items():
            measured = collection.measure(self.trainable.loaded, self.batch_size, [NDCG])
            figures[name] = measured[NDCG]
        return nano_figures(figures)

    def mteb(self) -> dict[str, float]:
        """``MTEB <task>``: the main score on each task that is asked for.

        Raises:
            ServiceError: the data of one cannot be fetched.
        """
        embedder = SpladeEmbedder.from_loaded(self.trainable.loaded, self.batch_size)
        scores = score_tasks(embedder, self.needed.tasks)
        return {f"MTEB {each.task}": each.main_score for each in scores if each.main_score is not None}

    def guard(self) -> dict[str, float]:
        """The same on the guard collection; empty without one."""
        if self._guard is None:
            return {}
        figures = self._guard.measure(self.trainable.loaded, self.batch_size)
        return {f"guard_{name}": value for name, value in figures.items()}

    def _log_samples(self, count: int) -> None:
        """The heaviest terms of some validation queries, for people to read in metrics.jsonl."""
        assert self.validation is not None
        loaded = self.trainable.loaded
        queries = self.validation.queries[:count]
        tokens = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
        samples: dict[str, dict[str, float]] = {}
        vectors = encode(loaded, queries, "query")
        for row, query in enumerate(queries):
            vector = slice(vectors.indptr[row], vectors.indptr[row + 1])
            weights = vectors.data[vector]
            numbers = vectors.indices[vector]
            terms: dict[str, float] = {}
            for position in (-weights).argsort()[:SAMPLE_TERMS]:
                number = int(numbers[position])
                terms[tokens.get(number, str(number))] = float(weights[position])
            samples[query] = terms
        self.write({"step": self.step(), "samples": samples})
