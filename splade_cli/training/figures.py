"""Measurements of a model in training: on held-out rows, on NanoBEIR, and on a guard collection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.datasets.collections import load_collection
from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.records import Example
from splade_cli.storage.machine_faults import raise_machine_error
from splade_cli.training.averaging import AUTO, average, average_by_guard, average_by_validation
from splade_cli.training.loop.arguments import best_measure
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


class Figures:
    """Measures a model with its current weights.

    Args:
        trainable: what is measured.
        held_out: validation rows; none gives empty figures.
        training: rows whose documents make the validation's corpus larger.
        write: appends a row to the run's log.
    """

    def __init__(
        self,
        config: Config,
        trainable: Trainable,
        held_out: Sequence[Example],
        training: Sequence[Example],
        write: Listener,
    ) -> None:
        self.config = config
        self.trainable = trainable
        self.write = write
        self.validation: Validation | None = None
        if held_out:
            self.validation = Validation.from_examples(held_out, training, config.training.seed)
        self._guard: Validation | None = None
        if config.evaluation.guard:
            self._guard = Validation.from_collection(load_collection(Path(config.evaluation.guard)))
        self.batch_size = config.training.per_device_eval_batch_size
        self.best = best_measure(config)[0]
        self.held_out_loss: Callable[[], float] = lambda: math.nan
        self.step: Callable[[], int] = lambda: 0

    def average(self, base: Mapping[str, Any], guard: float | None = None) -> float:
        """Mixes tuned weights with those of `base` as `training.tuned_share` says; returns the share.

        Args:
            base: parameters by name, as they were before the first step.
            guard: nDCG@10 of `base` on the guard collection, where there is one.
        """
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

    def _by_query(self) -> Mapping[str, float]:
        """The best measure, or nDCG@10 where that is none of ours, of each validation query."""
        assert self.validation is not None
        measure = self.best if self._is_ranking_measure else "nDCG@10"
        return self.validation.values(self.trainable.loaded, self.batch_size, [measure])[0][measure]

    @property
    def _is_ranking_measure(self) -> bool:
        return self.best != "loss" and not self.best.startswith("NanoBEIR")

    def measure(self) -> dict[str, float]:
        """Validation figures, NanoBEIR's where they are asked for; empty without validation rows."""
        if self.validation is None:
            return {}
        settings = self.config.evaluation
        names = list(MEASURES)
        if self._is_ranking_measure and self.best not in names:
            names.append(self.best)
        figures = self.validation.measure(self.trainable.loaded, self.batch_size, names)
        if not settings.track_sparsity:
            figures = {name: value for name, value in figures.items() if not name.endswith("_terms")}
        if self.best == "loss":
            figures["loss"] = self.held_out_loss()
        if settings.evaluator == "sparse_nanobeir":
            figures |= self._nanobeir()
        if settings.log_decoded_samples:
            self._log_samples(settings.log_decoded_samples)
        return figures

    def _nanobeir(self) -> dict[str, float]:
        """Figures on the hub's small BEIR collections. Raises ModelError where they cannot be fetched."""
        from sentence_transformers.sparse_encoder.evaluation import SparseNanoBEIREvaluator

        names = self.config.evaluation.nanobeir_datasets
        try:
            evaluator = SparseNanoBEIREvaluator(dataset_names=names, show_progress_bar=False)
            measured = evaluator(self.trainable.encoder)
        except (OSError, ValueError, RuntimeError) as error:
            raise_machine_error(error)
            raise ModelError(
                f"NanoBEIR {', '.join(names)} cannot be fetched: {str(error).splitlines()[0][:160]}",
                "leave evaluation.evaluator out: validation rows choose the best weights then",
            ) from None
        return {name: float(value) for name, value in measured.items() if name.endswith("ndcg@10")}

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
