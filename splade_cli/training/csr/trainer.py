"""Training of a CSR model: texts become dense vectors once, and the sparse autoencoder learns from them.

The dense model is never changed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splade_cli.cache import Cache
from splade_cli.config.schema import Config
from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.beir import read_corpus
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Example, Progress, silent
from splade_cli.training.csr.loss import CsrWeights
from splade_cli.training.csr.vectors import cached_vectors, prepare_csr
from splade_cli.training.loop.arguments import early_stopping, set_intervals, training_arguments
from splade_cli.training.run_folder import CACHE
from splade_cli.training.trainable import Trainable

SHORTEST = 5
LONGEST = 40
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
"""Words of an excerpt, and where one may end."""


def corpus_texts(path: Path) -> list[str]:
    """Texts of a BEIR folder's corpus, or of the chunks of a file or folder of documents.

    Raises:
        InputError: nothing to read.
    """
    if (path / "corpus.jsonl").is_file():
        documents = read_corpus(path / "corpus.jsonl")
        texts = [Chunk(each.id, each.id, each.text, each.title).content for each in documents]
    else:
        texts = [chunk.content for chunk in split_documents(read_documents(path).documents)]
    different = [text for text in dict.fromkeys(texts) if text.strip()]
    if not different:
        raise InputError(f"{path} holds no text", "name a folder of documents, or a BEIR folder")
    return different


def excerpts(texts: Sequence[str], seed: int) -> list[str]:
    """Of each text its first line, if it is a short one, and a sentence: texts as short as queries are.

    An autoencoder that has only seen whole documents codes queries worse (see docs/experiments.md).
    """
    generator = random.Random(seed)
    short = []
    for text in texts:
        first, _, rest = text.partition("\n")
        if rest.strip() and len(first.split()) <= LONGEST:
            short.append(first.strip("# "))
        sentences = [
            part for part in SENTENCE_END.split(rest or text) if SHORTEST <= len(part.split()) <= LONGEST
        ]
        if sentences:
            short.append(generator.choice(sentences))
    return list(dict.fromkeys(short))


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
        vectors,
        pairs,
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


def dense_vectors(trainable: Trainable, texts: Sequence[str], batch_size: int = 32) -> NDArray[np.float32]:
    """What the modules before the autoencoder give, float32 [n, d]; no prompt is put before a text."""
    model = trainable.view.model
    device = trainable.view.device.name
    out = np.empty((len(texts), trainable.encoder[-1].input_dim), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    model.eval()
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        features = trainable.view.tokenizer(
            [texts[row] for row in part],
            truncation=True,
            max_length=model.max_seq_length,
            padding=True,
            return_tensors="pt",
        ).to(device)
        with torch.inference_mode():
            out[part] = model.dense(**features).float().cpu().numpy()  # type: ignore[operator]
    return out


def _space(config: Config) -> str:
    """The cache's space of what the dense modules of the base give."""
    from splade_cli.model.dense import resolve_dense
    from splade_cli.model.layout import identity_of

    identity = identity_of(resolve_dense(config.model.base_model))
    return f"dense {identity} of {config.training.max_seq_length or 'all'} tokens"
