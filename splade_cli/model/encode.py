"""Encoding of texts to a CSR matrix [n, V], whole or window by window.

Texts are tokenised in windows, sorted by token length inside a window and batched by a budget of tokens, so
that little is padded and memory does not grow with the corpus. A row does not depend on its neighbours beyond
rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from splade_cli.errors import ModelError, require_positive
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.static import static_rows
from splade_cli.progress import Progress, silent

WINDOW = 2048
WINDOW_CHARACTERS = 1 << 24
TOKENS_PER_BATCH = {"cpu": 8192, "cuda": 131072, "mps": 32768}
UNFUSED_TOKENS = 2048
"""Tokens in a batch where the head is not fused: each costs V logits."""


def encode(
    loaded: LoadedModel,
    texts: Sequence[str],
    kind: str = "document",
    *,
    batch_size: int = 64,
    progress: Progress = silent,
) -> sp.csr_matrix:
    """Sparse vectors of `texts`, in their order.

    Args:
        loaded: from `load.load_splade_model`.
        kind: ``document`` or ``query``; decides the prompt put before a text.
        batch_size: texts in a forward pass at most; a budget of tokens may make it fewer.

    Returns:
        CSR float32 [len(texts), V] with sorted column numbers and no stored zeros.

    Raises:
        ModelError: a weight that is not finite.
    """
    require_positive(batch_size=batch_size)
    done = 0
    parts: list[sp.csr_matrix] = []
    for window in windows(texts):
        parts.append(encode_window(loaded, window, kind, batch_size, progress, done, len(texts)))
        done += len(window)
    return stack(parts, loaded.model.dimensions)


def windows(texts: Iterable[str]) -> Iterator[list[str]]:
    """Consecutive texts, at most WINDOW of them and about WINDOW_CHARACTERS characters."""
    window: list[str] = []
    characters = 0
    for text in texts:
        window.append(text)
        characters += len(text)
        if len(window) == WINDOW or characters >= WINDOW_CHARACTERS:
            yield window
            window = []
            characters = 0
    if window:
        yield window


def stack(parts: Sequence[sp.csr_matrix], dimensions: int) -> sp.csr_matrix:
    """Parts [n_i, V] one under the other; an empty [0, V] where there are none."""
    if not parts:
        return sp.csr_matrix(np.empty((0, dimensions), dtype=np.float32))
    return sp.csr_matrix(sp.vstack(parts, format="csr", dtype=np.float32))


def tokenize(loaded: LoadedModel, texts: Sequence[str], kind: str, *, special: bool = True) -> Any:
    """Token ids as lists, prompt put before, cut to the model's limit."""
    prompt = loaded.model.prompts.get(kind) or ""
    return loaded.tokenizer(
        [prompt + text for text in texts],
        truncation=True,
        max_length=loaded.model.max_seq_length if special else loaded.model.query_length,
        padding=False,
        add_special_tokens=special,
    )


def encode_window(
    loaded: LoadedModel,
    texts: Sequence[str],
    kind: str,
    batch_size: int,
    progress: Progress = silent,
    done: int = 0,
    total: int | None = None,
) -> sp.csr_matrix:
    """One window of `encode`; `progress` counts on from `done`."""
    if kind == "query" and loaded.model.query_table is not None:
        ids = tokenize(loaded, texts, kind, special=False)["input_ids"]
        return static_rows(ids, loaded.model.query_table, loaded.model.max_active)
    tokens = tokenize(loaded, texts, kind)
    lengths = np.array([len(ids) for ids in tokens["input_ids"]])
    order = np.argsort(-lengths, kind="stable")
    budget = TOKENS_PER_BATCH.get(loaded.device.name.split(":")[0], 8192)
    if not loaded.model.fused:
        budget = min(budget, UNFUSED_TOKENS)
    rows: list[sp.csr_matrix] = []
    for batch in _batches(order, lengths, batch_size, budget):
        features = {key: [values[text] for text in batch] for key, values in tokens.items()}
        rows.append(_encode_batch(loaded, features, kind))
        done += len(batch)
        progress("encode", done, total)
    matrix = stack(rows, loaded.model.dimensions)
    return sp.csr_matrix(matrix[np.argsort(order)])


def _batches(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, budget: int
) -> Iterator[NDArray[np.int64]]:
    """Numbers of texts, longest first, as many together as `budget` tokens allow when they are padded."""
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = max(1, min(batch_size, budget // longest))
        yield order[start : start + size]
        start += size


def _encode_batch(loaded: LoadedModel, tokens: dict[str, list[list[int]]], kind: str) -> sp.csr_matrix:
    device = loaded.device
    padded = loaded.tokenizer.pad(tokens, return_tensors="pt")
    features = {key: value.to(device.name) for key, value in padded.items()}
    is_low = device.torch_dtype != torch.float32
    autocast = torch.autocast(device.name.split(":")[0], dtype=device.torch_dtype, enabled=is_low)
    with torch.inference_mode(), autocast:
        try:
            bounds, terms, values = loaded.model.sparse_rows(kind=kind, low=kind == "document", **features)
        except FloatingPointError:
            raise ModelError(
                f"{loaded.model.name} gave a weight that is not finite",
                "use precision fp32, or another model",
            ) from None
    return sp.csr_matrix((values, terms, bounds), shape=(len(bounds) - 1, loaded.model.dimensions))
