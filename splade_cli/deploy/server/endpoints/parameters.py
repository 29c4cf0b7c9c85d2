"""Request parameters: of a query string or a JSON body, checked by the same models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    WithJsonSchema,
)

from splade_cli.deploy.server.options import Limits
from splade_cli.deploy.server.refusals import Refusal
from splade_cli.errors import InputError, did_you_mean
from splade_cli.search.interleaving.team_draft import Team
from splade_cli.search.options import AUTO, PARTS, Grouping, SearchOptions

WORDS: dict[str, JsonValue] = {"minLength": 1, "pattern": r"[^\s\x1c-\x1f\x85]"}
"""What the description says of a query: an empty one is refused with a message of its own."""
NAMED: dict[str, JsonValue] = {"minLength": 1}
ONE_OF_BOTH: JsonValue = [
    {"required": ["q"], "properties": {"q": {"type": "string"}, "queries": {"type": "null"}}},
    {
        "required": ["queries"],
        "properties": {
            "queries": {"type": "array", "minItems": 1, "items": {**WORDS}},
            "q": {"type": "null"},
        },
    },
]


def _whole(value: object) -> object:
    """In JSON 3.0 is a whole number as well."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _grouping(given: object) -> object:
    """True and false stand for auto and off, as they did before there were sections."""
    words = {"true": AUTO, "false": "off"}
    return words.get(str(given).lower(), given)


Weight = Annotated[float, Field(ge=0, le=1e6)]
Count = Annotated[int, BeforeValidator(_whole)]
Fold = Annotated[
    Grouping | None,
    BeforeValidator(_grouping),
    WithJsonSchema(TypeAdapter(bool | Grouping | None).json_schema()),
]


class Parameters(BaseModel):
    """Values by name; a name that is none is an error."""

    model_config = ConfigDict(extra="forbid")


class Ranking(Parameters):
    """How to search: the words of `splade search`; what is left out is as the server was started."""

    mode: str | None = Field(
        None,
        description="sparse, bm25, dense, hybrid, or auto: all that the index has",
    )
    filter: str | None = Field(None, description="what documents must be: year >= 2020 and lang = no")
    idf: float | None = Field(None, ge=0, le=10, description="exponent of the corpus IDF on query weights")
    fold: Fold = Field(
        None,
        description="what is one hit: document, section, off (each chunk), or auto",
    )
    weights: dict[str, Weight] | str | None = Field(
        None,
        description='of a hybrid: {"sparse": 0.5, "bm25": 0.5} or sparse=0.5,bm25=0.5; or rrf',
    )
    rerank: bool | None = Field(None, description="use the cross-encoder that the server was started with")
    system: Team | None = Field(
        None,
        description="of two indexes that are compared, this one alone; its hits are not counted",
    )

    def search_options(self, base: SearchOptions, limits: Limits) -> SearchOptions:
        """`base` with what was asked for. Raises Refusal and InputError for what cannot be."""
        require_short(limits.query_characters, filter=self.filter or "")
        options = base
        if self.mode is not None:
            options = replace(options, mode=self.mode.lower())
        if self.filter and self.filter.strip():
            options = replace(options, filter=self.filter)
        if self.idf is not None:
            options = replace(options, idf_exponent=self.idf)
        if self.fold is not None:
            options = replace(options, group=self.fold)
        if self.weights is not None:
            options = replace(options, weights=_fusion_weights(self.weights))
        if self.rerank and options.reranker is None:
            raise Refusal(400, "this server was started without a cross-encoder", "leave rerank out")
        if self.rerank is False:
            options = replace(options, reranker=None)
        return options


class SearchParameters(Ranking):
    """One query as `q`, or several as `queries`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": ONE_OF_BOTH})

    q: str | None = Field(
        None,
        validation_alias=AliasChoices("q", "query"),
        description="what to look for",
        json_schema_extra=WORDS,
    )
    queries: list[str] | None = Field(None, description="several queries, instead of q; in a body only")
    k: Count = Field(10, ge=1, validation_alias=AliasChoices("k", "top"), description="hits of a query")
    explain: bool = Field(False, description="the terms behind each hit")
    texts: bool = Field(True, description="texts, snippets and metadata; without, ids and scores")
    details: bool = Field(
        False, description="what other chunks of a hit say, and the words of BM25 behind it"
    )


class WhyParameters(Ranking):
    """A query and the id of a document or chunk."""

    q: str = Field(
        validation_alias=AliasChoices("q", "query"), description="the query", json_schema_extra=WORDS
    )
    id: str = Field(description="a document or a chunk", json_schema_extra=NAMED)
    k: Count = Field(10, ge=1, description="hits that it is held against")


class FacetParameters(Parameters):
    """What documents must be whose values are counted."""

    filter: str | None = Field(None, description="what documents must be: year >= 2020 and lang = no")
    system: Team | None = Field(None, description="of two indexes that are compared, this one")


class DocumentParameters(Ranking):
    """A chunk to read; with a query, what it shares with that is marked."""

    id: str = Field(description="a document or a chunk", json_schema_extra=NAMED)
    q: str | None = Field(None, validation_alias=AliasChoices("q", "query"), description="the query")


class EncodeParameters(Parameters):
    """Texts to encode."""

    texts: str | list[str] = Field(
        validation_alias=AliasChoices("texts", "inputs"), json_schema_extra={"minItems": 1}
    )
    kind: Literal["query", "document"] = Field("query", description="as which of the two")
    names: bool = Field(False, description="the names of the dimensions as well")


class EmbedSparseParameters(Parameters):
    """A request of text-embeddings-inference."""

    model_config = ConfigDict(extra="ignore")

    inputs: str | list[str] = Field(description="one text, or several", json_schema_extra={"minItems": 1})
    truncate: bool | None = Field(False, description="cut what is longer than the model reads, else 413")
    truncation_direction: Literal["right", "Right", "left", "Left"] = Field(
        "right",
        description="texts are cut at their end only",
        json_schema_extra={"enum": ["right", "Right"]},
    )
    prompt_name: str | None = Field(
        None,
        description="query, for a query's weights; else a document's",
        json_schema_extra={"enum": [None, "query", "document"]},
    )


class MarkParameters(Ranking):
    """A verdict about hits of a query, and how they were searched where two systems are compared."""

    q: str = Field(
        validation_alias=AliasChoices("q", "query"), description="the query", json_schema_extra=WORDS
    )
    id: str | list[str] = Field(description="chunks, by the ids of their hits")
    verdict: Literal["good", "bad", "none"] = Field(description="none takes an earlier one away")


class MarksParameters(Parameters):
    """The query whose marks are wanted."""

    q: str = Field(validation_alias=AliasChoices("q", "query"), description="the query")


def _fusion_weights(given: Mapping[str, float] | str) -> Mapping[str, float] | Literal["rrf"]:
    """Weights by part. Raises InputError for a part that is none, and for no weights."""
    if isinstance(given, str):
        if given.strip().lower() == "rrf":
            return "rrf"
        given = _spelled_weights(given)
    if not given:
        raise InputError("weights name no part", "such as sparse=0.5,bm25=0.5")
    for name in given:
        if name not in PARTS:
            hint = did_you_mean(name, PARTS) or f"parts: {', '.join(PARTS)}"
            raise InputError(f"weights know no part '{name[:100]}'", hint)
    return given


def _spelled_weights(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in text.split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(
                f"weights are PART=NUMBER, got '{pair[:100]}'", "such as sparse=0.5,bm25=0.5"
            ) from None
        if not 0 <= found[name] <= 1e6:
            raise InputError(f"weights: {name[:100]} is {value[:100]}", "weights are 0 or more")
    return found


def require_short(most: int, **texts: str) -> None:
    """Raises Refusal for the first text of more than `most` characters."""
    for name, text in texts.items():
        if len(text) > most:
            raise Refusal(
                400,
                f"{name} has {len(text):,} characters, this server takes {most:,}",
                "ask in fewer words",
            )


def require_few(what: str, count: int, most: int) -> None:
    """Raises Refusal for more than `most`."""
    if count > most:
        raise Refusal(400, f"{count:,} {what}, this server takes {most:,} at once", "ask in several requests")
