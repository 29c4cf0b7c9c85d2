"""Response bodies of Qdrant: points, and the hits of searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from splade_cli.engines.web.sparse import Sparse


@dataclass(frozen=True)
class Point:
    """Of a list or of a page; `vector` by its name, where it was asked for."""

    payload: dict[str, Any]
    vector: dict[str, Sparse] | None = None


@dataclass(frozen=True)
class Hit:
    """A point that a search found."""

    score: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Hits:
    """The answer to one query of a batch."""

    points: list[Hit]
