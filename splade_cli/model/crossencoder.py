"""Cross-encoders: scores of (query, document) pairs, through sentence-transformers.

A cross-encoder reads query and document together: better than any encoder of one text at a time, far slower,
and so a teacher and a reranker.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splade_cli.errors import ModelError, require_positive
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.folder.opening import opening
from splade_cli.model.hub import fetched_commit, out_of_reach, quiet, read_json, require_hub
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.options import ModelOptions

HEADS = ("ForSequenceClassification", "ForCausalLM")


class CrossEncoderModel:
    """A sentence-transformers CrossEncoder that gives one score a pair.

    Args:
        name: a folder or a hub id.
        options: how to open it; the precision is float32 whatever they say.

    Raises:
        ModelError: not found, unreachable, no trained scoring head, or a classifier of several labels.
    """

    def __init__(self, name: str, options: ModelOptions | None = None) -> None:
        options = options or ModelOptions()
        revision = options.revision
        self.name = name
        self.batch_size = options.batch_size
        folder = Path(name).expanduser()
        source = str(folder) if folder.is_dir() else name
        quiet()
        require_hub(source, revision)
        config = read_json(source, "config.json", revision) or {}
        if not config and not Path(source).is_dir() and fetched_commit(source, revision) is None:
            raise out_of_reach(name)
        heads = config.get("architectures") or []
        # sentence-transformers would put a head of random numbers on any other model
        if read_json(source, "modules.json", revision) is None and not any(
            head.endswith(HEADS) for head in heads
        ):
            raise ModelError(
                f"{name} has no trained scoring head: it is {', '.join(heads) or 'of no known architecture'}",
                "a cross-encoder is *ForSequenceClassification, e.g. cross-encoder/ms-marco-MiniLM-L6-v2",
            )
        from sentence_transformers import CrossEncoder

        with opening(name, source, options, kind="cross-encoder"):
            self.encoder: Any = CrossEncoder(
                source,
                device=choose_device(options.device).name,
                trust_remote_code=options.trust_remote_code,
                revision=revision,
                model_kwargs={"dtype": torch.float32, "use_safetensors": options.use_safetensors},
            )
        if self.encoder.num_labels != 1:
            raise ModelError(
                f"{name} gives {self.encoder.num_labels} labels a pair, one score is needed",
                "use a cross-encoder for ranking, e.g. cross-encoder/ms-marco-MiniLM-L6-v2",
            )
        if options.max_seq_length is not None:
            self.encoder.max_seq_length = options.max_seq_length
        use_fast_linear(self.encoder)
        fit_threads()

    def scores(self, pairs: Sequence[tuple[str, str]], batch_size: int | None = None) -> NDArray[np.float32]:
        """Raw scores float32 [len(pairs)] of (query, document): logits, since a sigmoid would flatten them.

        `batch_size` is that of the model's options by default.

        Raises:
            ModelError: a score that is not finite, or not enough memory on the device.
        """
        if batch_size is None:
            batch_size = self.batch_size
        require_positive(batch_size=batch_size)
        if not pairs:
            return np.empty(0, dtype=np.float32)
        try:
            logits = self.encoder.predict(
                [list(pair) for pair in pairs],
                batch_size=batch_size,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        except torch.OutOfMemoryError:
            raise ModelError(
                f"{self.name} does not fit in memory at batch size {batch_size}", "lower it"
            ) from None
        scores: NDArray[np.float32] = np.asarray(logits, dtype=np.float32)
        if not np.isfinite(scores).all():
            raise ModelError(f"{self.name} gave a score that is not finite", "use another cross-encoder")
        return scores
