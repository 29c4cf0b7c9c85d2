"""Texts to a SciPy CSR matrix [n, V], in memory or by way of shards on disk; knows no index and no file formats.

Texts are tokenised in windows, sorted by token length inside a window and batched by a budget of tokens, so that
little is padded and memory does not grow with the corpus. A row does not depend on its neighbours beyond rounding.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from splade_cli.errors import ModelError, require_positive
from splade_cli.model.load import LoadedModel
from splade_cli.records import Progress, replacing, silent, write_json

WINDOW = 2048
TOKENS_PER_BATCH = {"cpu": 8192, "cuda": 131072, "mps": 32768}


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
    windows = []
    for start in range(0, len(texts), WINDOW):
        windows.append(
            _encode_window(loaded, texts[start : start + WINDOW], kind, batch_size, progress, start, len(texts))
        )
    return stack(windows, loaded.model.dimensions)


def encode_to_shards(
    loaded: LoadedModel,
    texts: Sequence[str],
    folder: Path,
    *,
    batch_size: int = 64,
    progress: Progress = silent,
) -> sp.csr_matrix:
    """Like `encode` for documents, each window kept in `folder`; what is there already is not computed again.

    The folder holds ``fingerprint.json`` of model, settings and texts; shards of another fingerprint are discarded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "fingerprint.json"
    fingerprint = fingerprint_of(loaded, texts)
    if not mark.is_file() or mark.read_text(encoding="utf-8").strip() != json.dumps(fingerprint):
        for shard in folder.glob("shard-*.npz"):
            shard.unlink()
        write_json(mark, fingerprint)
    windows = []
    for number, start in enumerate(range(0, len(texts), WINDOW)):
        path = folder / f"shard-{number:06d}.npz"
        kept = _kept(path, (len(texts[start : start + WINDOW]), loaded.model.dimensions))
        if kept is not None:
            windows.append(kept)
            progress("encode", min(start + WINDOW, len(texts)), len(texts))
            continue
        part = texts[start : start + WINDOW]
        windows.append(_encode_window(loaded, part, "document", batch_size, progress, start, len(texts)))
        with replacing(path) as temporary, open(temporary, "wb") as out:
            sp.save_npz(out, windows[-1], compressed=False)
    return stack(windows, loaded.model.dimensions)


def _kept(path: Path, shape: tuple[int, int]) -> sp.csr_matrix | None:
    """A window from disk; None where there is none, or one that a crash cut short."""
    try:
        matrix = sp.csr_matrix(sp.load_npz(path))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return matrix if matrix.shape == shape else None


def fingerprint_of(loaded: LoadedModel, texts: Sequence[str]) -> str:
    """A hash of everything that decides the vectors: model files, length limit, precision, and the texts."""
    digest = hashlib.sha256(f"{loaded.model.identity}|{loaded.model.max_seq_length}|{loaded.device.precision}".encode())
    for text in texts:
        digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return digest.hexdigest()


def stack(parts: Sequence[sp.csr_matrix], dimensions: int) -> sp.csr_matrix:
    """Parts [n_i, V] one under the other; an empty [0, V] where there are none."""
    if not parts:
        return sp.csr_matrix((0, dimensions), dtype=np.float32)
    return sp.csr_matrix(sp.vstack(parts, format="csr", dtype=np.float32))


def tokenize(loaded: LoadedModel, texts: Sequence[str], kind: str) -> Any:
    """Token ids as lists, prompt put before, cut to the model's limit."""
    prompt = loaded.model.prompts.get(kind) or ""
    return loaded.tokenizer(
        [prompt + text for text in texts],
        truncation=True,
        max_length=loaded.model.max_seq_length,
        padding=False,
    )


def _encode_window(
    loaded: LoadedModel,
    texts: Sequence[str],
    kind: str,
    batch_size: int,
    progress: Progress,
    done: int,
    total: int,
) -> sp.csr_matrix:
    tokens = tokenize(loaded, texts, kind)
    lengths = np.array([len(ids) for ids in tokens["input_ids"]])
    order = np.argsort(-lengths, kind="stable")
    budget = TOKENS_PER_BATCH.get(loaded.device.name.split(":")[0], 8192)
    rows: list[sp.csr_matrix] = []
    for batch in _batches(order, lengths, batch_size, budget):
        rows.append(_encode_batch(loaded, {key: [tokens[key][i] for i in batch] for key in tokens}))
        done += len(batch)
        progress("encode", done, total)
    matrix = stack(rows, loaded.model.dimensions)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return sp.csr_matrix(matrix[back])


def _batches(order: np.ndarray, lengths: np.ndarray, batch_size: int, budget: int) -> Iterator[np.ndarray]:
    start = 0
    while start < len(order):
        size = max(1, min(batch_size, budget // max(1, int(lengths[order[start]]))))
        yield order[start : start + size]
        start += size


def _encode_batch(loaded: LoadedModel, tokens: dict[str, list[list[int]]]) -> sp.csr_matrix:
    place = loaded.device
    padded = loaded.tokenizer.pad(tokens, return_tensors="pt")
    features = {key: value.to(place.name) for key, value in padded.items()}
    low = place.precision != "fp32"
    with torch.inference_mode(), torch.autocast(place.name.split(":")[0], dtype=place.torch_dtype, enabled=low):
        try:
            bounds, terms, values = loaded.model.sparse_rows(**features)
        except FloatingPointError:
            raise ModelError(
                f"{loaded.model.name} gave a weight that is not finite", "use --precision fp32, or another model"
            ) from None
    return sp.csr_matrix((values, terms, bounds), shape=(len(bounds) - 1, loaded.model.dimensions))
