"""The contents of a model folder that leave for the hub, and whether they are the model that was trained.

What is sent is what a reader needs: no checkpoints, optimiser states, logs or hidden files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.errors import InputError, ModelError
from splade_cli.model.options import ModelOptions
from splade_cli.storage.files import temporary_folder

if TYPE_CHECKING:
    import scipy.sparse as sp

PROBES = (
    "How do I reset a password that I have forgotten?",
    "Backups are kept for thirty days, then deleted every night.",
    "The kiln fires clay at 1,060 degrees; open it below 90.",
    "café naïve e-mail@host (brackets) 12.5%",
)
"""Texts whose vectors are compared before a model leaves."""
LEFT_OUT = (
    ".*",
    "*/.*",
    "__pycache__/*",
    "*.tmp",
    "*.log",
    "runs/*",
    "events.out.tfevents*",
    "checkpoint-*/*",
    "checkpoints/*",
    "optimizer.*",
    "scheduler.pt",
    "scaler.pt",
    "rng_state*",
    "trainer_state.json",
    "training_args.bin",
)
"""Patterns of files that no reader of a model needs."""
TOLERANCE = 1e-3


def model_folder(folder: str | Path) -> Path:
    """The folder that holds the model itself. Raises InputError or ModelError where there is none."""
    from splade_cli.model.layout import MARKS, resolve

    if not Path(folder).expanduser().is_dir():
        raise InputError(f"no model folder {folder}", "name the folder that `splade train` wrote")
    model = Path(resolve(str(folder)))
    if not any((model / mark).is_file() for mark in MARKS):
        raise ModelError(
            f"{folder} is no model folder: it has no config.json", "name the folder that `splade train` wrote"
        )
    return model


def files_to_push(folder: Path) -> list[str]:
    """Names below `folder` that a reader of the model needs, sorted, with ``/`` between folders."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in LEFT_OUT)]


def check_vectors(
    folder: Path,
    names: Sequence[str],
    vectors: Mapping[str, sp.csr_matrix] | None = None,
    options: ModelOptions | None = None,
) -> None:
    """Opens the files `names` by themselves and compares what they make of PROBES. Raises ModelError.

    Args:
        vectors: CSR [len(PROBES), V] by ``document`` and ``query``; those of `folder` by default.
    """
    options = options or ModelOptions(device="cpu")
    expected = vectors or _encoded(folder, options)
    with temporary_folder() as temporary:
        alone = temporary / folder.name
        for name in names:
            (alone / name).parent.mkdir(parents=True, exist_ok=True)
            os.symlink((folder / name).resolve(), alone / name)
        reopened = _encoded(alone, options)
    for kind, before in expected.items():
        after = reopened[kind]
        allowed = TOLERANCE * max(1.0, abs(before).max())
        if before.shape != after.shape or abs(before - after).max() > allowed:
            raise ModelError(
                f"{folder}, opened again, gives other {kind} vectors than before",
                "train again, or report this folder",
            )


def _encoded(folder: Path, options: ModelOptions) -> dict[str, sp.csr_matrix]:
    from splade_cli.model.embedder import SpladeEmbedder

    embedder = SpladeEmbedder(folder, options, precision="fp32")
    return {kind: embedder.encode(PROBES, kind) for kind in ("document", "query")}
