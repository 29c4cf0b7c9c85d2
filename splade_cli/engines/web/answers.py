"""HTTP answers: a status with a JSON object, whose parts are read as the types that an engine documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

Shape = TypeVar("Shape")
SHOWN = 300
"""Characters of what a server says."""


class Answer(NamedTuple):
    """What a server said: a status below 500, and a body; that of a refusal is empty where it was no JSON
    object."""

    status: int
    body: dict[str, Any]

    @property
    def is_good(self) -> bool:
        """Whether it did what it was asked."""
        return 200 <= self.status < 300


def part_of(body: object, shape: type[Shape], path: Sequence[str], default: Shape | None = None) -> Shape:
    """What stands at a place of a body, of the type that its engine documents.

    Args:
        body: of an answer, or a part of it.
        shape: a type as pydantic knows them; of a dataclass, what it does not name is passed over.
        path: keys that lead there from `body`.
        default: where a key is not there; None where it must be.

    Raises:
        ValueError: the place, and what is there; for another type, or nothing.
    """
    for key in path:
        if not isinstance(body, Mapping):
            body = None
            break
        body = body.get(key)
        if body is None and default is not None:
            return default
    try:
        part: Shape = _adapter(shape).validate_python(body)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, [*path, *first["loc"]]))
        raise ValueError(f"'{place[:SHOWN]}': {first['msg'][:SHOWN]}") from None
    except RecursionError:
        raise ValueError(f"'{'.'.join(path)[:SHOWN]}': nested too deeply") from None
    return part


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
