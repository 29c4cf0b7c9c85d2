"""Response bodies of Pinecone: records, and the matches of queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from splade_cli.engines.web.sparse import Sparse


@dataclass(frozen=True)
class Match:
    """A record that a query found."""

    id: str
    score: float


@dataclass(frozen=True)
class Listed:
    """A record of a page."""

    id: str


@dataclass(frozen=True)
class Record:
    """A record that was asked for by its id or its metadata."""

    metadata: dict[str, Any]
    sparse: Annotated[Sparse, Field(alias="sparseValues")] = field(default_factory=Sparse)
