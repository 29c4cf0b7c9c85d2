"""The dense part of a build: vectors by the model that ranked for its rows, which are kept beside these."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splade_cli.building.options import BuildOptions
from splade_cli.generation.run_cache import NAME
from splade_cli.generation.teachers import dense_teacher
from splade_cli.indexing.dense import DenseEncoder, KeptDense, LateDense
from splade_cli.storage.cache import Cache


def dense_name(options: BuildOptions, data: Path) -> str | None:
    """The dense model that is searched beside the sparse one; None for none, or before there is data."""
    if options.dense != "auto":
        return options.dense
    try:
        report = json.loads((data / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = dense_teacher(options.teacher, report.get("language", ""))
    return name if name in report.get("teachers", ()) else None


def require_dense(name: str | None) -> None:
    """Raises ModelError for a dense model that is named and is not there, before anything is made."""
    if name is None or name == "auto":
        return
    from splade_cli.model.hub import require_hub
    from splade_cli.model.layout import resolve_dense

    require_hub(resolve_dense(name), None)


@contextmanager
def dense_part(name: str | None, data: Path) -> Iterator[DenseEncoder | None]:
    """The encoder, which looks up what was encoded for the rows in `data`."""
    if name is None:
        yield None
        return
    with Cache(data / NAME) as cache:
        yield KeptDense(LateDense(name, lambda: _opened(name)), cache)


def _opened(name: str) -> DenseEncoder:
    from splade_cli.model.dense import DenseModel

    return DenseModel(name)
