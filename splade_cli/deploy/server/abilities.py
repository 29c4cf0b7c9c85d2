"""What one server can do, and the JSON Schemas of its requests narrowed to that.

The models of `endpoints.parameters` are the same for every server. Which modes, fields and limits there are
is a matter of its index and options: a value that the description allows is one that is answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from splade_cli.deploy.server.options import Limits
from splade_cli.search.options import PARTS

Json = dict[str, Any]
OPERATORS = "(?: *(?:=|!=|<|<=|>|>=|~) *| contains | not contains )"
WORD = "[A-Za-z0-9_][A-Za-z0-9_.:*?/-]{0,40}"
QUOTED = '"[A-Za-z0-9_.,:;()*?/ -]{0,40}"'
POSITIVE = "(?:0[.][0-9]{0,3}[1-9]|[1-9][0-9]{0,4}(?:[.][0-9]{1,4})?)"


@dataclass(frozen=True)
class Abilities:
    """What requests may ask of a server.

    Attributes:
        limits: of requests.
        parts: what its index can be searched by, at least ``sparse``.
        modes: `parts`, and ``hybrid`` where there is more than one.
        fields: names that filters may ask for.
        systems: indexes that are compared, 1 or 2.
        token: requests must bring one.
        reranker: it was started with a cross-encoder.
        frequencies: it knows in how many texts a term stands, which an IDF needs.
        documents: it has the model that encodes texts as documents.
        id: of a chunk that is there; empty where there is none.
    """

    limits: Limits = field(default_factory=Limits)
    parts: tuple[str, ...] = ("sparse",)
    modes: tuple[str, ...] = ("sparse",)
    fields: tuple[str, ...] = ("id", "document_id", "title")
    systems: int = 1
    token: bool = False
    reranker: bool = False
    frequencies: bool = True
    documents: bool = True
    id: str = ""


def narrow(schema: Json, abilities: Abilities) -> None:
    """Changes the JSON Schema of a request to what `abilities` answer.

    Patterns of filters and of weights say what is answered in any case: a filter may nest parentheses deeper
    than a regular expression tells, and weights may name several parts.
    """
    limits = abilities.limits
    properties: Mapping[str, Json] = schema["properties"]
    changes: dict[str, Json] = {
        "mode": {"enum": [None, "auto", *abilities.modes]},
        "filter": {"pattern": filter_pattern(abilities.fields), "maxLength": limits.query_characters},
        "q": {"maxLength": limits.query_characters},
        "k": {"maximum": limits.hits},
        "queries": {"maxItems": limits.queries},
        "texts": {"maxItems": limits.texts, "maxLength": limits.text_characters},
        "inputs": {"maxItems": limits.texts, "maxLength": limits.text_characters},
    }
    if "id" in properties:
        changes["id"] = {"maxLength": limits.query_characters, "maxItems": limits.hits}
        if abilities.id:
            changes["id"]["examples"] = [abilities.id]
    if not abilities.reranker:
        changes["rerank"] = {"enum": [None, False]}
    if abilities.systems == 1:
        changes["system"] = {"enum": [None, "a"]}
    if not abilities.frequencies:
        changes["idf"] = {"enum": [None, 0]}
    if not abilities.documents:
        changes["kind"] = {"enum": ["query"]}
        changes["prompt_name"] = {"enum": ["query"]}
        if "prompt_name" in properties:
            schema["required"] = [*schema["required"], "prompt_name"]
    if "weights" in properties:
        changes["weights"] = _weights(abilities.parts)
    for name, change in changes.items():
        # `texts` of a search says whether to send them
        if name in properties and properties[name].get("type") != "boolean":
            if "anyOf" in change:
                properties[name].pop("anyOf")
            properties[name].update(change)


def _weights(parts: tuple[str, ...]) -> Json:
    """Of an object one part at least weighs something; as text there is one, or the word rrf."""
    number: Json = {"type": "number", "minimum": 0, "maximum": 1e6}
    heavy: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6}
    names = "|".join(parts)
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {part: number for part in PARTS},
                "additionalProperties": False,
                "anyOf": [{"required": [part], "properties": {part: heavy}} for part in parts],
            },
            {"type": "string", "pattern": f"^(?:rrf|(?:{names})={POSITIVE})$"},
            {"type": "null"},
        ]
    }


def filter_pattern(fields: tuple[str, ...]) -> str:
    """A regular expression of filters: tests of known fields joined by and, or, not, one level of parentheses
    deep."""
    names = "|".join(
        re.escape(name) for name in dict.fromkeys(fields) if re.fullmatch(r"[A-Za-z0-9_.]+", name)
    )
    value = f"(?:{WORD}|{QUOTED})"
    listed = f"(?:{names}) (?:not )?in \\({value}(?:, *{value})*\\)"
    test = f"(?:(?:{names}){OPERATORS}{value}|(?:{names}) exists|{listed})"
    chain = f"(?:not )?{test}(?: (?:and|or) (?:not )?{test})*"
    return f"^(?: *|{chain}|(?:not )?\\({chain}\\)(?: (?:and|or) (?:not )?\\({chain}\\))*)$"
