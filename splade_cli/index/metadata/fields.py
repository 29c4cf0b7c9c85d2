"""Fields of a chunk: the names and values that filters may ask for.

- ``id``, ``document_id``, and ``title`` where there is one; then the keys of the metadata, nested ones with
  dots (``author.name``), those below a key ``metadata`` without it. A metadata key named like one of the
  first three is ``metadata.id`` and so on.
- ``path`` also gives ``folder``, ``file`` and ``extension`` (lower case, no dot), where the metadata has
  none.
- A list gives one value a member (objects in it give dotted fields), null and an empty list give none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from posixpath import splitext

from splade_cli.records import Chunk

OWN_FIELDS = ("id", "document_id", "title")
Scalar = str | bool | int | float
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)


def spelled_number(text: str) -> float:
    """The number that `text` spells in decimal digits, NaN where it spells none or one too large for
    float64."""
    if not _NUMBER.match(text):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan


def values_of(chunk: Chunk) -> Iterator[tuple[str, Scalar]]:
    """Name and value of everything in a chunk that is a field."""
    yield "id", chunk.id
    yield "document_id", chunk.document_id
    if chunk.title:
        yield "title", chunk.title
    metadata = chunk.metadata
    path = metadata.get("path")
    if isinstance(path, str):
        folder, _, file = path.rpartition("/")
        parts = {"folder": folder, "file": file, "extension": splitext(file)[1][1:].lower()}
        yield from ((name, part) for name, part in parts.items() if name not in metadata)
    for name, value in _leaves("", metadata):
        while name.startswith("metadata."):
            name = name.removeprefix("metadata.")
        yield f"metadata.{name}" if name in OWN_FIELDS else name, value


def _leaves(name: str, value: object) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(name, each)
    elif isinstance(value, date):
        yield name, value.isoformat()
    elif value is not None:
        if not isinstance(value, str | bool | int | float):
            value = str(value)
        yield name, value
