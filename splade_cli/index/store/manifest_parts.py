"""Parts of a manifest from plain values that anyone may have written: each of its type, in its range, and
names that are names."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from splade_cli.index.containers.checksums import Checksum
from splade_cli.index.info import IndexInfo

Part = TypeVar("Part")
MOST = (1 << 53) - 1
"""So far every JSON reader agrees on whole numbers."""
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,120}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class FileEntry:
    """What a file must be; see `containers.checksums`."""

    bytes: int
    crc32: int

    @classmethod
    def of(cls, checksum: Checksum) -> Self:
        """From a checksum."""
        return cls(checksum.size, checksum.crc32)


@dataclass(frozen=True)
class SegmentEntry:
    """A segment: the files of that name in ``segments/``.

    Attributes:
        rows, nonzeros: how many there are, deleted rows included.
        deleted: rows that are no result; `tombstones` names the file in ``tombstones/`` that lists them.
    """

    name: str
    rows: int
    nonzeros: int
    deleted: int = 0
    tombstones: str | None = None


def name_from(value: object) -> str:
    """The name of a file or folder, which is no path: letters, digits, ``_ . -``, and none that a system
    takes for a device.

    Raises:
        ValueError: another value.
    """
    if not isinstance(value, str) or not is_name(value):
        raise ValueError(f"{_shown(value)} is no name of a file")
    return value


def is_name(text: str) -> bool:
    """Whether a text is a name as `name_from` takes it."""
    return bool(_NAME.fullmatch(text)) and not text.endswith(".") and not _RESERVED.fullmatch(text)


def count_from(value: object, what: str, least: int = 0, most: int = MOST) -> int:
    """A whole number. Raises ValueError for another value."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what} is {_shown(value)}, not a number from {least} to {most}")
    return value


def part_from(kind: type[Part], value: object) -> Part:
    """A dataclass from the object that `dataclasses.asdict` made of it. Raises ValueError for another."""
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} is no {kind.__name__}")
    types = get_type_hints(kind)
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    if sorted(value) != sorted(names):
        raise ValueError(f"a {kind.__name__} has {', '.join(names)}")
    for name, given in value.items():
        if not _is(given, types[name]):
            raise ValueError(f"{name} is {_shown(given)}")
    return kind(**value)


def segment_from(value: object) -> SegmentEntry:
    segment = part_from(SegmentEntry, value)
    name_from(segment.name)
    if segment.tombstones is not None:
        name_from(segment.tombstones)
    count_from(segment.rows, "the rows of a segment")
    count_from(segment.nonzeros, "the weights of a segment")
    count_from(segment.deleted, "the deleted rows of a segment", 0, segment.rows)
    if (segment.deleted > 0) != (segment.tombstones is not None):
        raise ValueError(f"{segment.deleted} deleted rows and the tombstones {segment.tombstones}")
    return segment


def info_from(value: object) -> IndexInfo:
    """What an index says of itself. Raises ValueError or InputError for values that no index has."""
    if not isinstance(value, dict):
        raise ValueError("info is no object")
    types = get_type_hints(IndexInfo)
    if sorted({"mode", *value}) != sorted(types):  # which the first indexes of this format lack
        raise ValueError(f"info has {', '.join(types)}")
    parts: dict[str, Any] = {}
    for name, given in value.items():
        if name == "bm25" and isinstance(given, dict):
            given = {"title_weight": 1, **given}  # which was so before there were weights
        (kind, *_) = [each for each in get_args(types[name]) if each is not NoneType] or [types[name]]
        if given is None and NoneType in get_args(types[name]):
            parts[name] = None
        elif kind is bool:
            if type(given) is not bool:
                raise ValueError(f"{name} is {_shown(given)}")
            parts[name] = given
        elif kind is str:
            if type(given) is not str:
                raise ValueError(f"{name} is {_shown(given)}")
            parts[name] = given
        else:
            parts[name] = part_from(kind, given)
    info = IndexInfo(**parts)
    info.check()
    return info


def _is(value: object, kind: object) -> bool:
    """Whether a plain value is of a type; whole numbers are numbers, and none is infinite."""
    if get_origin(kind) in (Union, UnionType):
        return any(_is(value, each) for each in get_args(kind))
    if kind is NoneType or value is None:
        return kind is NoneType and value is None
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    if kind is int:
        return type(value) is int and abs(value) <= MOST
    return type(value) is kind


def _shown(value: object) -> str:
    """A value for a message, cut."""
    text = repr(value)
    if len(text) > 60:
        return f"{text[:60]}..."
    return text
