"""Calibration of a vocabulary head: made fit before the first step, trimmed to its terms after the last.

What is done is told in sentences.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from splade_cli.config.schema import Config
from splade_cli.model.splade.calibration import balanced_shift, largest_logits, shift_bias
from splade_cli.training.sparsity.preflight import make_usable
from splade_cli.training.tracking.rows import Listener
from splade_cli.training.trainable import Trainable

TEXTS = 200
WANTED_TERMS = 150
"""Active terms of a document that a calibrated head is made for, where no target is given."""
NEAR = 0.15


def make_ready(trainable: Trainable, config: Config, documents: Sequence[str], write: Listener) -> list[str]:
    """Calibrates or uncaps the head where it could not become sparse; sentences for the user.

    Args:
        documents: the training corpus; some of it is encoded.
        write: appends a row to the run's log.

    Raises:
        ModelError: a head that cannot be made usable, with the reason.
    """
    texts = random.Random(config.training.seed).sample(list(documents), min(TEXTS, len(documents)))
    wanted = 2 * (config.loss.target_document_terms or WANTED_TERMS)
    active = min(wanted, trainable.view.model.dimensions / 10)
    notes = []
    for done, diagnosis in make_usable(trainable.loaded, texts, active, trainable.encoder):
        write({"step": 0, "preflight": diagnosis.verdict, "done": done, "active": diagnosis.active})
        if done:
            notes.append(f"the base model's head was {done} before training: {diagnosis.message}")
    return notes


def trim(
    trainable: Trainable,
    config: Config,
    documents: Sequence[str],
    queries: Sequence[str],
    write: Listener,
) -> list[str]:
    """Shifts all biases alike so that texts have the terms that were asked for; notes what is not reached.

    Comes after the best weights and their average with the base were chosen, which both move the terms that
    the controller had reached.
    """
    loss = config.loss
    loaded = trainable.loaded
    targets = {"document": loss.target_document_terms, "query": loss.target_query_terms}
    asked = {kind: terms for kind, terms in targets.items() if terms is not None}
    decoder = loaded.splade.decoder
    if not asked or decoder is None or decoder.bias is None:
        return []
    generator = random.Random(config.training.seed)
    texts = {"document": list(documents), "query": list(queries)}
    largest = {}
    for kind in asked:
        sample = generator.sample(texts[kind], min(TEXTS, len(texts[kind])))
        largest[kind] = largest_logits(loaded, sample, kind)
    shift = balanced_shift(largest, asked)
    shift_bias(loaded.splade, torch.full((loaded.model.dimensions,), shift))
    reached = {kind: float((logits + shift > 0).sum()) / len(logits) for kind, logits in largest.items()}
    write({"trimmed": shift, **{f"{kind}_terms": terms for kind, terms in reached.items()}})
    notes = []
    for kind, terms in reached.items():
        if abs(terms / asked[kind] - 1) > NEAR:
            notes.append(
                f"active {kind} terms: {terms:.0f} reached, {asked[kind]:g} asked for; train for more steps"
            )
    return notes
