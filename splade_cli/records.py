"""The nouns that cross folders: documents, chunks, training rows, hits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
    """What JSON can hold."""
else:
    JsonValue = object  # a type that names itself is more than those can read who look at types at run time

WeightedText = tuple[str, float]
"""A text and how much it counts: of a query in parts, such as the query itself and what an expansion adds."""


_COUNTED = {"page": "p. ", "slide": "slide ", "sheet": "sheet "}
"""How the page, slide or sheet that metadata tell is written."""


@dataclass(frozen=True)
class Pages:
    """Where the pages of a document start, or the slides of a presentation.

    Attributes:
        unit: ``page`` or ``slide``.
        starts: offsets into the text, ascending; page n, from 1, starts at ``starts[n - 1]``.
    """

    unit: str
    starts: tuple[int, ...]

    def number_at(self, offset: int) -> int:
        """The page that a place in the text is on."""
        return max(1, bisect_right(self.starts, offset))


@dataclass(frozen=True)
class Document:
    """One text of the user's.

    `text` has ``#`` headings where the source had headings; `id` is unique in a corpus.
    """

    id: str
    text: str
    title: str = ""
    metadata: dict[str, JsonValue] = field(default_factory=dict)
    pages: Pages | None = None

    def metadata_at(self, offset: int) -> dict[str, JsonValue]:
        """The metadata of what stands at a place in the text: with its page or slide, where there are any."""
        if self.pages is None:
            return self.metadata
        return {**self.metadata, self.pages.unit: self.pages.number_at(offset)}


@dataclass(frozen=True)
class Chunk:
    """A slice of one document: ``document.text[start:end] == text``.

    `headings` is the path of headings above the slice, outermost first, the document's title excluded.
    """

    id: str
    document_id: str
    text: str
    title: str = ""
    headings: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    metadata: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """What a model reads: title and headings, where the slice does not begin with them, then the text."""
        opening = self.text.lstrip("# \n").casefold()
        above: list[str] = []
        for part in (self.title, *self.headings):
            if part and part not in above and not opening.startswith(part.casefold()):
                above.append(part)
        if not above:
            return self.text
        return ": ".join(above) + "\n" + self.text


@dataclass(frozen=True)
class WrittenQuery:
    """A query that was written for a chunk; `type` is its kind, such as question or keywords."""

    text: str
    type: str = ""


@dataclass(frozen=True)
class WrittenNegative:
    """A text that was written to look like an answer to a query and to be none.

    `strategy` is how it misses the query, `explanation` why it does, in the writer's words.
    """

    text: str
    explanation: str = ""
    strategy: str = ""


@dataclass(frozen=True)
class Example:
    """One training row. `scores`, where given, are a teacher's: one per document, positive first."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    scores: tuple[float, ...] | None = None
    explanations: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    query_type: str = ""
    source: str = ""
    chunk_id: str = ""


class Term(NamedTuple):
    """One vocabulary entry's part in a score: ``query_weight * document_weight == contribution``.

    `literal` says that it stands in the query itself, `in_document` in the document; else the model added it
    there. `word` is the whole word that it is a piece of, where all of its pieces met; else empty.
    """

    term: str
    query_weight: float
    document_weight: float
    contribution: float
    literal: bool
    in_document: bool = False
    word: str = ""


def within(metadata: Mapping[str, JsonValue], headings: Sequence[str]) -> str:
    """Where in its document a text stands: ``p. 12``, ``slide 3``, ``> Installing > Windows``."""
    places = []
    for name, written in _COUNTED.items():
        part = metadata.get(name)
        if isinstance(part, str | int) and not isinstance(part, bool) and part != "":
            places.append(f"{written}{part}")
    places += [f"> {heading}" for heading in headings]
    return " ".join(places)


@dataclass(frozen=True)
class Window:
    """Another chunk of a hit's document: `within` says where it stands, `highlights` are as of a hit."""

    id: str
    within: str
    snippet: str
    highlights: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, init=False)
class Hit:
    """One search result; `rank` starts at 1.

    Attributes:
        parts: where several rankings made this one, what each gave: ``{"bm25": {"rank": 3, "score": 7.1}}``.
        windows: ids of lower ranked chunks of the same document, best first, where they are grouped.
        duplicates: ids of hits with nearly the same text, best first, where they are grouped.
        highlights: (start, end) in `snippet` of the words that the terms stand for.
        headings: the path of headings above the text, outermost first, the document's title excluded.
        words: the words of BM25 behind a fused hit, where details were asked for; `terms` are the model's.
        shown_windows: the first of `windows` with what they say, where details were asked for.
    """

    id: str
    rank: int
    score: float
    text: str
    snippet: str
    title: str
    document_id: str
    metadata: dict[str, JsonValue]
    terms: tuple[Term, ...]
    parts: dict[str, dict[str, float]]
    windows: tuple[str, ...]
    duplicates: tuple[str, ...]
    highlights: tuple[tuple[int, int], ...]
    headings: tuple[str, ...]
    words: tuple[Term, ...]
    shown_windows: tuple[Window, ...]

    def __init__(
        self,
        id: str,
        rank: int,
        score: float,
        text: str,
        snippet: str = "",
        title: str = "",
        document_id: str = "",
        metadata: dict[str, JsonValue] | None = None,
        terms: tuple[Term, ...] = (),
        parts: dict[str, dict[str, float]] | None = None,
        windows: tuple[str, ...] = (),
        duplicates: tuple[str, ...] = (),
        highlights: tuple[tuple[int, int], ...] = (),
        headings: tuple[str, ...] = (),
        words: tuple[Term, ...] = (),
        shown_windows: tuple[Window, ...] = (),
    ) -> None:
        # all at once: to be made took a frozen dataclass of so many fields longer than to be found
        self.__dict__.update(
            id=id,
            rank=rank,
            score=score,
            text=text,
            snippet=snippet,
            title=title,
            document_id=document_id,
            metadata={} if metadata is None else metadata,
            terms=terms,
            parts={} if parts is None else parts,
            windows=windows,
            duplicates=duplicates,
            highlights=highlights,
            headings=headings,
            words=words,
            shown_windows=shown_windows,
        )

    @property
    def within(self) -> str:
        """Where in its document the text stands, see `within`."""
        return within(self.metadata, self.headings)

    @property
    def place(self) -> str:
        """The document, and where in it the text stands: ``guide.md > Installing``, ``manual.pdf p. 12``."""
        return f"{self.document_id or self.id} {self.within}".rstrip()

    def as_dict(self) -> dict[str, JsonValue]:
        """Plain JSON-ready values, `place` among them; inner ones are shared with the hit."""
        # `asdict` copies each value by itself, which took four times as long as writing them all as JSON
        terms: list[JsonValue] = [term._asdict() for term in self.terms]
        values = {**self.__dict__, "terms": terms, "place": self.place}
        values["words"] = [term._asdict() for term in self.words]
        values["shown_windows"] = [{**window.__dict__} for window in self.shown_windows]
        return values


@dataclass(frozen=True)
class EncoderInfo:
    """The model that made an index's sparse vectors, as the index remembers it.

    Attributes:
        name: a folder or a hub id, empty where unknown.
        identity: SHA-256 of its files; a hub id stands for itself.
        max_seq_length: tokens read of a text.
        precision: what texts were encoded in.
    """

    name: str = ""
    identity: str = ""
    max_seq_length: int | None = None
    precision: str = "auto"


@dataclass(frozen=True)
class QueryInfo:
    """How an index's queries are encoded without its model.

    Attributes:
        kind: ``static``, a table of token weights, or ``onnx``, the model's query side as a graph.
        max_seq_length: tokens read of a query.
        prompt: text put before a query.
        max_active: keep only so many largest weights of a query, where set.
        weights: of a table: where they come from, ``model`` or ``corpus idf``.
        int8: of a graph: whether its weights are rounded to 8 bits.
        difference: of a graph: the largest difference to the model's weights on the probes of its export.
    """

    kind: str
    max_seq_length: int = 512
    prompt: str = ""
    max_active: int | None = None
    weights: str = ""
    int8: bool = False
    difference: float = 0.0


class Ranking(NamedTuple):
    """Ranked lists, one a query, best first: ``ids[q][r]`` has ``scores[q][r]``, float32; lists may differ
    in length."""

    ids: list[list[str]]
    scores: list[NDArray[np.float32]]
