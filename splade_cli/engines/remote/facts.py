"""What a remote store says of itself: the model of its vectors, the generation that it holds, its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.records import EncoderInfo, QueryInfo

VERSION = 1


@dataclass(frozen=True)
class Lease:
    """The push that is under way.

    Attributes:
        token: of this push alone.
        host, process: where it runs.
        until: seconds since 1970; after that it counts no more.
    """

    token: str
    host: str
    process: int
    until: float


@dataclass(frozen=True)
class StoreFacts:
    """The record that a store keeps beside its rows.

    Attributes:
        dimensions: V.
        encoder: the model of the documents' vectors.
        query: how the index encoded queries without its model; None where only the model does it.
        generation: of the index whose rows are all there, 0 before the first push came to its end.
        loading: the generation that a push is writing or was writing when it ended early, else 0.
        rows: how many there are.
        next_position: above the positions of all rows.
        fields: names and kinds of the fields that filters may ask for.
        version: of this record and of the layout of the rows.
        effort: how far an approximate search looks so that it passes the check of a push; 0 as it is.
        lease: of the push that is under way, where the server has no lock.
    """

    dimensions: int
    encoder: EncoderInfo = field(default_factory=EncoderInfo)
    query: QueryInfo | None = None
    generation: int = 0
    loading: int = 0
    rows: int = 0
    next_position: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION
    effort: int = 0
    lease: Lease | None = None

    @classmethod
    def of(cls, index: SpladeIndex, fields: Mapping[str, str]) -> StoreFacts:
        """Those of an index, before anything of it was written."""
        generation = max(1, index.generation)
        return cls(index.dimensions, index.info.encoder, index.info.query, 0, generation, fields=dict(fields))

    @classmethod
    def from_json(cls, text: str) -> StoreFacts:
        """From `to_json`. Raises IndexFolderError for what a store of another version says."""
        from pydantic import TypeAdapter, ValidationError

        try:
            content = json.loads(text)
            version = content.get("version")
            if version != VERSION:
                raise IndexFolderError(
                    f"the store has layout {str(version)[:20]}, this splade reads {VERSION}",
                    "push the index again, to another name",
                )
            return TypeAdapter(cls).validate_python(content)
        except (ValueError, TypeError, AttributeError, RecursionError, ValidationError):
            raise IndexFolderError(
                "what the store says of itself cannot be read", "push the index again, to another name"
            ) from None

    def to_json(self) -> str:
        """As JSON in one line."""
        return json.dumps(asdict(self), ensure_ascii=True)

    def require_index(self, index: SpladeIndex, where: object) -> None:
        """Raises InputError where the vectors of `index` and those of the store are not of one model."""
        made_by = index.info.encoder
        self.require_model(made_by.name, made_by.identity, index.dimensions, where)

    def require_model(self, name: str, identity: str, dimensions: int, where: object) -> None:
        """Raises InputError for another model than that of the stored vectors.

        Args:
            where: the store, for the message.
        """
        if dimensions != self.dimensions:
            raise InputError(
                f"{name or 'the index'} has {dimensions} dimensions, {where} has {self.dimensions}",
                "name the index that was pushed there, or its model",
            )
        if self.encoder.identity and identity and identity != self.encoder.identity:
            raise InputError(
                f"{where} was filled by another model than {name or 'that of the index'} "
                f"({self.encoder.name or 'unknown'}, {self.encoder.identity[:12]}; now {identity[:12]})",
                "name the index that was pushed there, or its model",
            )
