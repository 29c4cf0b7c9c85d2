"""Documents on their way into JSON: one row with its text, vector, position and digest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.rows import Rows
from splade_cli.index.store.chunks import chunk_from_json
from splade_cli.records import Chunk, JsonValue

DIGITS = 9
"""Significant decimal digits that tell every float32 from its neighbours."""
EXACT_POWER = 22
"""The largest power of ten that float64 holds exactly."""
POSITION = "position"
DIGEST = "digest"
METADATA = "metadata"
DEFAULTS: dict[str, JsonValue] = {"title": "", "headings": [], "start": 0, "end": 0, METADATA: {}}
"""Of what a stored chunk leaves out; engines want every field in every document."""


class Row(NamedTuple):
    """One text as an engine stores it.

    Attributes:
        chunk: what it is.
        text: the same as JSON values, without its id: `document_id`, `title`, `headings`, `text`, `start`,
            `end`, `metadata`.
        stored: `text` with the id as one line of JSON, what is as by default left out.
        columns: int32, active dimensions, ascending, from 0.
        weights: float32 of them, none 0.
        position: in the order of all rows.
        digest: of all that is stored, see `Rows.digests`.
    """

    chunk: Chunk
    text: dict[str, JsonValue]
    stored: str
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]
    position: int
    digest: str

    @property
    def flat_text(self) -> dict[str, JsonValue]:
        """The same as `text`, `metadata` as JSON in a text: not each of their values is one to an engine."""
        return {**self.text, METADATA: json.dumps(self.text[METADATA])}

    @property
    def marks(self) -> dict[str, JsonValue]:
        """What a later push needs to know of a row."""
        return {POSITION: self.position, DIGEST: self.digest}


def each_row(rows: Rows) -> Iterator[Row]:
    """Rows one by one."""
    starts = rows.vectors.indptr.tolist()
    for number, chunk in enumerate(rows.chunks):
        span = slice(starts[number], starts[number + 1])
        text = {**DEFAULTS, **json.loads(rows.stored_chunks[number])}
        del text["id"]
        yield Row(
            chunk,
            text,
            rows.stored_chunks[number],
            rows.vectors.indices[span],
            rows.vectors.data[span],
            int(rows.positions[number]),
            rows.digests[number],
        )


def chunk_of(name: str, body: Mapping[str, object]) -> Chunk:
    """The chunk that `Row.text` or `Row.flat_text` was made of. Raises ValueError for what is none."""
    text = {field: body[field] for field in ("document_id", "text", *DEFAULTS) if field in body}
    metadata = text.get(METADATA)
    if isinstance(metadata, str):
        text[METADATA] = json.loads(metadata)
    return chunk_from_json(json.dumps({**text, "id": name}))


def decimal_weights(weights: NDArray[np.float32]) -> list[float]:
    """Weights as numbers of nine digits, as exact as float32 and in JSON half as long as float64."""
    exact = np.asarray(weights, dtype=np.float64)
    magnitudes = np.abs(exact)
    magnitudes[magnitudes == 0] = 1.0
    places = DIGITS - 1 - np.floor(np.log10(magnitudes))
    scale = 10.0 ** np.minimum(np.abs(places), EXACT_POWER)
    rounded = np.where(places >= 0, np.rint(exact * scale) / scale, np.rint(exact / scale) * scale)
    decimals: list[float] = np.where(np.abs(places) <= EXACT_POWER, rounded, exact).tolist()
    return decimals
