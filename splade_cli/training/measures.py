"""What is known of a model in training: figures on held-out rows, on NanoBEIR, and on a collection that it is not for.

Asks `validation`; knows no loop and no files but those of the guard collection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.datasets.collections import load_collection
from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.model.trainable import Trainable
from splade_cli.records import Example
from splade_cli.training.recipe import best_measure
from splade_cli.training.validation import MEASURES, Validation, average, mix

SHARES = (0.5, 0.75, 1.0)
USUAL_SHARE = 0.5
CAREFUL_SHARES, GUARD_LOSS = (USUAL_SHARE, 0.375, 0.25, 0.125), 0.01
"""Tuned shares where nobody names one; with a guard, the largest whose nDCG@10 there falls by at most 1%."""


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
        write: Callable[[dict[str, Any]], None],
    ) -> None:
        self.config, self.trainable, self.write = config, trainable, write
        self.validation = (
            Validation.from_examples(held_out, training, config.training.seed) if held_out else None
        )
        guard = config.evaluation.guard
        self._guard = Validation.from_collection(load_collection(Path(guard))) if guard else None
        self.batch_size = config.training.per_device_eval_batch_size
        self.best = best_measure(config)[0]
        self.held_out_loss: Callable[[], float] = lambda: math.nan
        self.step: Callable[[], int] = lambda: 0

    def average(self, base: Mapping[str, Any], guard: float | None = None) -> float:
        """Mixes the tuned weights with those of `base` as `training.tuned_share` says; returns the tuned share.

        Args:
            base: parameters by name, as they were before the first step.
            guard: nDCG@10 of `base` on the guard collection, where there is one.
        """
        wanted, encoder = self.config.training.tuned_share, self.trainable.encoder
        if wanted != "validation" or self.validation is None:
            shares = (wanted,) if isinstance(wanted, float) else CAREFUL_SHARES if guard else (USUAL_SHARE,)
            tuned = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
            guarded: dict[float, float] = {}
            for share in shares:
                mix(encoder, base, tuned, share)
                if guard is None or len(shares) == 1:
                    break
                guarded[share] = self.guard()["guard_nDCG@10"]
                if guarded[share] >= (1 - GUARD_LOSS) * guard:
                    break
            self.write({"step": self.step(), "share": share} | ({"guarded": guarded} if guarded else {}))
            return share
        measure, values = self.best if self._ours() else "nDCG@10", self.validation.values
        share, tried = average(
            encoder,
            base,
            SHARES,
            lambda: values(self.trainable.loaded, self.batch_size, [measure])[0][measure],
        )
        self.write({"step": self.step(), "averaging": tried, "share": share})
        return share

    def _ours(self) -> bool:
        return self.best != "loss" and not self.best.startswith("NanoBEIR")

    def measure(self) -> dict[str, float]:
        """Validation figures, NanoBEIR's where they are asked for; empty without validation rows."""
        if self.validation is None:
            return {}
        config = self.config
        names = list(dict.fromkeys([*MEASURES, *([self.best] if self._ours() else [])]))
        figures = self.validation.measure(self.trainable.loaded, self.batch_size, names)
        if not config.evaluation.track_sparsity:
            figures = {name: value for name, value in figures.items() if not name.endswith("_terms")}
        if self.best == "loss":
            figures["loss"] = self.held_out_loss()
        if config.evaluation.evaluator == "sparse_nanobeir":
            figures |= self._nanobeir()
        if config.evaluation.log_decoded_samples:
            self._log_samples(config.evaluation.log_decoded_samples)
        return figures

    def _nanobeir(self) -> dict[str, float]:
        """Figures on the hub's small BEIR collections. Raises ModelError where they cannot be fetched."""
        from sentence_transformers.sparse_encoder.evaluation import SparseNanoBEIREvaluator

        names = self.config.evaluation.nanobeir_datasets
        try:
            found = SparseNanoBEIREvaluator(dataset_names=names, show_progress_bar=False)(
                self.trainable.encoder
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"NanoBEIR {', '.join(names)} cannot be fetched: {str(error).splitlines()[0][:160]}",
                "leave evaluation.evaluator out: validation rows choose the best weights then",
            ) from None
        return {name: float(value) for name, value in found.items() if name.endswith("ndcg@10")}

    def guard(self) -> dict[str, float]:
        """The same on the guard collection; empty without one."""
        if self._guard is None:
            return {}
        found = self._guard.measure(self.trainable.loaded, self.batch_size)
        return {f"guard_{name}": value for name, value in found.items()}

    def _log_samples(self, count: int) -> None:
        """The heaviest terms of some validation queries, for people to read in metrics.jsonl."""
        assert self.validation is not None
        loaded = self.trainable.loaded
        texts = self.validation.queries[:count]
        names = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
        rows = encode(loaded, texts, "query")
        samples = {}
        for text, row in zip(texts, rows, strict=True):
            order = (-row.data).argsort()[:10]
            samples[text] = {
                names.get(int(row.indices[i]), str(row.indices[i])): float(row.data[i]) for i in order
            }
        self.write({"step": self.step(), "samples": samples})
