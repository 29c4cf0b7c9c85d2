"""Metadata of a stored text by type: what an engine needs to answer the same filters as the local index.

Each field may hold numbers, truth values and texts at once, and each kind has a place of its own, since other
engines want one type a field. Texts that spell a number stand apart, with that number beside them: they are
compared by size, and other texts by their characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from splade_cli.engines.remote.rows import field_values
from splade_cli.index.metadata.fields import spelled_number
from splade_cli.records import Chunk, JsonValue

NUMBERS = "numbers"
FLAGS = "flags"
TEXTS = "texts"
NUMERALS = "numerals"
SPELLED = "spelled"
FOLDED = "folded"
"""All texts once more, their case folded: a part of a text is looked for there."""
KINDS = (NUMBERS, FLAGS, TEXTS, NUMERALS)
"""Where a value may stand; `SPELLED` only repeats `NUMERALS` as numbers."""


@dataclass(frozen=True)
class TypedFields:
    """Values by kind, then by field; a field has one or more values.

    Attributes:
        numbers: finite ones.
        flags: truth values.
        texts: those that spell no number.
        numerals: those that do; `spelled` has their numbers.
    """

    numbers: dict[str, list[float]] = field(default_factory=dict)
    flags: dict[str, list[bool]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    numerals: dict[str, list[str]] = field(default_factory=dict)
    spelled: dict[str, list[float]] = field(default_factory=dict)

    def folded(self) -> dict[str, list[str]]:
        """Texts and numerals, their case folded."""
        found: dict[str, list[str]] = {}
        for fields in (self.texts, self.numerals):
            for name, texts in fields.items():
                found.setdefault(name, []).extend(text.casefold() for text in texts)
        return found

    def by_kind(self) -> dict[str, dict[str, Sequence[JsonValue]]]:
        """The same, kinds by their names."""
        return {
            NUMBERS: dict(self.numbers),
            FLAGS: dict(self.flags),
            TEXTS: dict(self.texts),
            NUMERALS: dict(self.numerals),
            SPELLED: dict(self.spelled),
        }

    def as_body(self) -> dict[str, JsonValue]:
        """JSON-ready, `folded` among the kinds, with names as of `safe_name`; kinds without a value are left
        out."""
        body: dict[str, JsonValue] = {}
        kinds = self.by_kind()
        kinds[FOLDED] = dict(self.folded())
        for kind, fields in kinds.items():
            if fields:
                body[kind] = {safe_name(name): list(values) for name, values in fields.items()}
        return body


def typed_fields(chunk: Chunk) -> TypedFields:
    """All fields of a text that filters may ask for."""
    typed = TypedFields()
    for name, values in field_values(chunk).items():
        for value in values:
            if isinstance(value, bool):
                typed.flags.setdefault(name, []).append(value)
            elif isinstance(value, str):
                _add_text(typed, name, value)
            else:
                typed.numbers.setdefault(name, []).append(float(value))
    return typed


def _add_text(typed: TypedFields, name: str, text: str) -> None:
    number = spelled_number(text)
    if math.isnan(number):
        typed.texts.setdefault(name, []).append(text)
    else:
        typed.numerals.setdefault(name, []).append(text)
        typed.spelled.setdefault(name, []).append(number)


def safe_name(name: str) -> str:
    """A field's name without dots, brackets and other signs that engines read as paths: percent-encoded.

    Different names stay different; ``year`` stays ``year``, ``author.name`` becomes ``author%2Ename``.
    """
    return quote(name.encode("utf-8", "surrogatepass"), safe="").replace(".", "%2E")
