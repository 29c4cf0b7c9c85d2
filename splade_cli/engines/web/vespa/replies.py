"""Response bodies of Vespa: the hits of a search, and a page of documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """The fields of a document by which it is known."""

    chunk_id: str
    document_id: str = ""


@dataclass(frozen=True)
class Listed:
    """A document of a page."""

    fields: Named


@dataclass(frozen=True)
class Hit:
    """A document that a search found."""

    fields: Named
    relevance: float = 0.0


@dataclass(frozen=True)
class Address:
    """Of a tensor's cell."""

    t: int


@dataclass(frozen=True)
class Cell:
    """Of a tensor of one mapped dimension, in the longer of its two forms."""

    address: Address
    value: float
