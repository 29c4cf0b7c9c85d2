"""Response bodies of Elasticsearch and OpenSearch: hits, documents, and what became of bulk operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

Id = Annotated[str, Field(alias="_id")]


@dataclass(frozen=True)
class Scored:
    """A hit of a search by score."""

    id: Id
    score: Annotated[float, Field(alias="_score")]


@dataclass(frozen=True)
class Sorted:
    """A hit of a search by position; the next page begins behind its `sort`."""

    id: Id
    sort: list[Any]


@dataclass(frozen=True)
class Document:
    """Of ``_mget``; without `source` where it is not there."""

    id: Id
    found: bool = False
    source: Annotated[dict[str, Any], Field(alias="_source")] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one operation of a bulk request."""

    status: int
    error: Any = None


Item = Annotated[dict[str, Outcome], Field(min_length=1, max_length=1)]
"""One operation by its kind."""
