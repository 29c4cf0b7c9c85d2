"""Encoding of texts to a CSR matrix [n, V], whole or window by window.

Texts are tokenised in windows and batched inside a window with those of like length, so that little is padded
and memory does not grow with the corpus. A row does not depend on its neighbours beyond rounding. On the CPU
lower precisions are for documents: a query is too short for them to pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from splade_cli.errors import ModelError, require_positive
from splade_cli.model.encoding.batches import batches_of_like_length
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.static import static_rows
from splade_cli.progress import Progress, silent

WINDOW = 2048
WINDOW_CHARACTERS = 1 << 19
"""So that a run that is killed loses less than a minute of a slow machine."""
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
    budget = None if loaded.model.fused else UNFUSED_TOKENS
    order: list[NDArray[np.int64]] = []
    rows: list[sp.csr_matrix] = []
    for batch in batches_of_like_length(lengths, batch_size, loaded.device.kind, budget):
        features = {key: [values[text] for text in batch] for key, values in tokens.items()}
        rows.append(_encode_batch(loaded, features, kind))
        order.append(batch)
        done += len(batch)
        progress("encode", done, total)
    matrix = stack(rows, loaded.model.dimensions)
    return sp.csr_matrix(matrix[np.argsort(np.concatenate(order))])


def _encode_batch(loaded: LoadedModel, tokens: dict[str, list[list[int]]], kind: str) -> sp.csr_matrix:
    device = loaded.device
    # on the right, wherever the tokenizer would: on the left, neighbours would move the positions of a text
    padded = loaded.tokenizer.pad(tokens, padding_side="right", return_tensors="pt")
    features = {key: value.to(device.name) for key, value in padded.items()}
    with torch.inference_mode(), device.autocast(kind):
        try:
            bounds, terms, values = loaded.model.sparse_rows(kind=kind, low=kind == "document", **features)
        except FloatingPointError:
            raise ModelError(
                f"{loaded.model.name} gave a weight that is not finite",
                "use precision fp32, or another model",
            ) from None
    return sp.csr_matrix((values, terms, bounds), shape=(len(bounds) - 1, loaded.model.dimensions))
