"""JSON from a file that may have been made by anyone: no key twice, no NaN, no nesting without end."""

from __future__ import annotations

import json
from typing import NoReturn


def plain_json(content: str | bytes) -> object:
    """The value of a JSON document in UTF-8. Raises ValueError for any other content."""
    if isinstance(content, bytes):
        content = content.decode("utf-8", "surrogatepass")
    try:
        return json.loads(content, object_pairs_hook=_once_each, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key comes twice")
    return values


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
