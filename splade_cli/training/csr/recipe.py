"""Assembly of the training of a CSR model: dense vectors of its texts, and the trainer over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splade_cli.config.schema import Config
from splade_cli.progress import Progress, silent
from splade_cli.records import Example
from splade_cli.storage.cache import Cache
from splade_cli.training.csr.loss import CsrWeights
from splade_cli.training.csr.texts import excerpts
from splade_cli.training.csr.trainer import CsrTexts, prepare_csr
from splade_cli.training.csr.vectors import cached_vectors, dense_vectors
from splade_cli.training.loop.arguments import early_stopping, set_intervals, training_arguments
from splade_cli.training.run_folder import CACHE
from splade_cli.training.trainable import Trainable


def prepare_autoencoder(
    trainable: Trainable,
    config: Config,
    texts: Sequence[str],
    sources: Mapping[str, Sequence[Example]],
    output: Path,
    measure: Callable[[], dict[str, float]] | None,
    callbacks: Sequence[Any] = (),
    progress: Progress = silent,
) -> Any:
    """A trainer of the autoencoder that the model ends in, ready to train.

    Args:
        texts: documents without queries.
        sources: rows, whose queries and positives belong together; their texts are learned from as well.
        output: the run folder; dense vectors are kept in its cache.
        measure: validation figures of the current weights, None without validation.

    Raises:
        InputError: too few texts.
    """
    rows = [row for part in sources.values() for row in part]
    short = excerpts(texts, config.training.seed)
    named = [text for row in rows for text in (row.query, row.positive, *row.negatives)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys([*texts, *short, *named]))}
    linked = [(numbers[row.query], numbers[row.positive]) for row in rows]
    pairs = np.array(linked, dtype=np.int64).reshape(-1, 2)
    with Cache(output / CACHE) as cache:
        vectors = cached_vectors(
            lambda window: dense_vectors(trainable, window), list(numbers), cache, _space(config), progress
        )
    validated = measure is not None and config.training.eval_strategy != "no"
    fresh = trainable.view.model.identity == "in training"
    trainer = prepare_csr(
        trainable.encoder,
        CsrTexts(vectors, pairs),
        training_arguments(config, (), trainable, output, validated),
        output=output,
        weights=CsrWeights(
            auxiliary=config.loss.aux_loss_weight,
            contrastive=config.loss.contrastive_weight,
            anneal_from=config.model.csr_anneal_from,
        ),
        measure=measure if validated else None,
        callbacks=[*callbacks, *early_stopping(config, validated)],
        fresh=fresh,
    )
    set_intervals(trainer, config)
    return trainer


def _space(config: Config) -> str:
    """The cache's space of what the dense modules of the base give."""
    from splade_cli.model.identity import identity_of
    from splade_cli.model.layout import resolve_dense

    identity = identity_of(resolve_dense(config.model.base_model))
    return f"dense {identity} of {config.training.max_seq_length or 'all'} tokens"
