"""Dense vectors of texts, computed once and cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.progress import Progress, silent
from splade_cli.storage.cache import Cache
from splade_cli.training.cached import READ, CachedTexts, compute_missing, read_cached
from splade_cli.training.trainable import Trainable


def cached_vectors(
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    texts: Sequence[str],
    cache: Cache,
    space: str,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """``encode(texts)`` [n, d]; the vector of a text that the cache has already is not computed again.

    Args:
        space: of the cache, named by the model: its vectors are not taken for another's.
    """
    if not texts:
        raise InputError("no texts to train on", "name documents or rows")
    items: list[CachedTexts] = [(text,) for text in texts]

    def compute(missing: Sequence[CachedTexts]) -> list[bytes]:
        vectors = encode([text for (text,) in missing]).astype(np.float32)
        return [vector.tobytes() for vector in vectors]

    compute_missing(cache, space, items, compute, lambda done, total: progress("dense vectors", done, total))
    parts = []
    for start in range(0, len(items), READ):
        parts.append(b"".join(read_cached(cache, space, items[start : start + READ])))
    return np.frombuffer(bytearray().join(parts), dtype=np.float32).reshape(len(items), -1)


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
