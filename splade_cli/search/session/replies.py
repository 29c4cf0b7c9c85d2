"""What a session answers: one record for each kind of answer, for a terminal or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from splade_cli.records import Hit, JsonValue, Term
from splade_cli.search.explain.absence import Absence
from splade_cli.search.explain.frequent_terms import FrequentTermReport
from splade_cli.search.explain.terms import Gap, Origin, gaps, held_against, origins
from splade_cli.search.interleaving.preferences import Outcome
from splade_cli.search.session.compare import Move

_EMPTY: tuple[object, ...] = ("", (), [], {}, None)


@dataclass(frozen=True)
class Reply:
    """An answer of any kind; `kind` names it in JSON."""

    kind: ClassVar[str] = ""

    def to_json(self) -> dict[str, JsonValue]:
        """JSON-ready values by field, without those that are empty; one hit is a list of one."""
        values: dict[str, JsonValue] = {"kind": self.kind, **asdict(self)}
        values.pop("hit", None)
        single: Hit | None = getattr(self, "hit", None)
        hits: Sequence[Hit] = getattr(self, "hits", ())
        if single is not None:
            hits = (single,)
        if hits:
            values["hits"] = [hit.as_dict() for hit in hits]
        return {key: value for key, value in values.items() if value not in _EMPTY}

    @staticmethod
    def from_json(values: dict[str, JsonValue]) -> Reply:
        """The reply of `to_json`. Raises ValueError for values that are none."""
        from pydantic import TypeAdapter

        given = dict(values)
        kind = KINDS.get(str(given.pop("kind", "")))
        if kind is None:
            raise ValueError(f"no reply is of kind {values.get('kind')!r}")
        hits = given.get("hits")
        if "hit" in kind.__dataclass_fields__ and isinstance(hits, list) and len(hits) == 1:
            given["hit"] = hits[0]
            del given["hits"]
        reply: Reply = TypeAdapter(kind).validate_python(given)
        return reply


@dataclass(frozen=True)
class HitsReply(Reply):
    """Hits of a query; `marks` is id to ``good`` or ``bad``, `remark` a setting that was changed."""

    kind = "hits"
    hits: tuple[Hit, ...]
    query: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True)
class TextReply(Reply):
    """The whole text of a hit; `highlights` are (start, end) in it of the words that matched."""

    kind = "text"
    hit: Hit
    query: str = ""
    rank: int = 0
    highlights: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ExplainReply(Reply):
    """The terms behind a hit, and where each is literal."""

    kind = "explain"
    hit: Hit
    query: str = ""
    rank: int = 0
    explained: tuple[Term, ...] = ()
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class WhyReply(Reply):
    """How a document stands to a query.

    Attributes:
        hit: the chunk of it that matches best.
        rank: among the first `depth` chunks; None beyond them, or where nothing matches.
        terms: names and weights of the query's terms that it lacks.
        explained, origins: the terms that met, and where each is literal.
        filtered: the filter keeps it out.
        against, gaps: the hit that it is held against, and what each term gives either.
    """

    kind = "why"
    hit: Hit
    query: str = ""
    rank: int | None = None
    depth: int = 0
    terms: tuple[tuple[str, float], ...] = ()
    explained: tuple[Term, ...] = ()
    origins: tuple[Origin, ...] = ()
    filtered: bool = False
    against: Hit | None = None
    gaps: tuple[Gap, ...] = ()

    @classmethod
    def of(cls, query: str, absence: Absence, hits: Sequence[Hit]) -> WhyReply:
        """What an absence says beside the hits of the query."""
        against = held_against(hits, absence.hit)
        differences: list[Gap] = []
        if against is not None:
            differences = gaps(against, absence.hit)
        return cls(
            hit=absence.hit,
            query=query,
            rank=absence.rank,
            depth=absence.depth,
            terms=tuple(absence.lacking),
            explained=absence.hit.terms,
            origins=origins(absence.hit.terms),
            filtered=absence.filtered,
            against=against,
            gaps=tuple(differences),
        )


@dataclass(frozen=True)
class TermsReply(Reply):
    """Names and weights of the heaviest terms of a text; `query` is the text, or the id of a stored one.

    Attributes:
        stored: it is a document's, as the index holds it.
        shown: the terms as people read them: pieces of a word are one, and whether it stands in the text.
        unknown: words of the text, where none of them stands in the index.
    """

    kind = "terms"
    query: str = ""
    terms: tuple[tuple[str, float], ...] = ()
    stored: bool = False
    shown: tuple[tuple[str, float, bool], ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrequentTermsReply(Reply):
    """The terms in too many documents."""

    kind = "frequent_terms"
    report: FrequentTermReport


@dataclass(frozen=True)
class CompareReply(Reply):
    """How each document moved between this searcher and the `other`."""

    kind = "compare"
    query: str = ""
    other: str = ""
    moves: tuple[Move, ...] = ()
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class OutcomeReply(Reply):
    """Which of two systems people have preferred so far, by the acts in `file`."""

    kind = "outcome"
    outcome: Outcome
    file: str = ""


@dataclass(frozen=True)
class MarksReply(Reply):
    """The marks of a query, id to ``good`` or ``bad``, and how many there are in the file."""

    kind = "marks"
    query: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    facts: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class HelpReply(Reply):
    """How commands are typed, and what each does."""

    kind = "help"
    facts: dict[str, str] = field(default_factory=dict)
    hint: str = ""


@dataclass(frozen=True)
class HistoryReply(Reply):
    """What was asked, by its number."""

    kind = "history"
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StatsReply(Reply):
    """What is being searched and how, by names that a person reads."""

    kind = "stats"
    facts: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class NoteReply(Reply):
    """A remark that needs no more than a line."""

    kind = "note"
    message: str
    query: str = ""
    hint: str = ""
    remark: str = ""


@dataclass(frozen=True)
class ErrorReply(Reply):
    """What was wrong with a line, and what to type instead; `option` as `errors.SpladeError` has it."""

    kind = "error"
    message: str
    hint: str = ""
    option: str = ""


@dataclass(frozen=True)
class ClearReply(Reply):
    """The screen is to be cleared."""

    kind = "clear"


@dataclass(frozen=True)
class QuitReply(Reply):
    """The user leaves."""

    kind = "quit"


@dataclass(frozen=True)
class NothingReply(Reply):
    """An empty line."""

    kind = "nothing"


KINDS: dict[str, type[Reply]] = {each.kind: each for each in Reply.__subclasses__()}
