"""What a session answers: one record of plain values a line, for a terminal or as JSON. Knows neither."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from splade_cli.records import Hit, Term
from splade_cli.search.explain.frequent_terms import JunkReport
from splade_cli.search.explain.terms import Gap, Origin
from splade_cli.search.session.compare import Move

Kind = Literal[
    "hits",
    "text",
    "terms",
    "explain",
    "why",
    "compare",
    "junk",
    "marks",
    "help",
    "history",
    "stats",
    "note",
    "error",
    "quit",
    "nothing",
]


@dataclass(frozen=True)
class Reply:
    """What to show: `kind` says which of the fields count.

    Attributes:
        hits: what was found; of ``text``, ``explain`` and ``why`` the one document that it is about.
        terms: names and weights; of ``why`` the query's terms that the document lacks.
        explained, origins: the terms that met, and where each is literal.
        rank: of ``why`` None where the document shares no term with the query.
        filtered: of ``why``, whether the filter keeps the document out.
        against, gaps: of ``why``, the hit that it is held against and what each term gives either.
        marks: id of a hit to ``good`` or ``bad``.
        moves: of ``compare``, how each document moved.
        facts: names and values.
        remark: a setting that was changed on the way.
    """

    kind: Kind
    query: str = ""
    hits: tuple[Hit, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    explained: tuple[Term, ...] = ()
    origins: tuple[Origin, ...] = ()
    rank: int | None = None
    filtered: bool | None = None
    against: Hit | None = None
    gaps: tuple[Gap, ...] = ()
    marks: dict[str, str] | None = None
    moves: tuple[Move, ...] = ()
    junk: JunkReport | None = None
    facts: dict[str, Any] | None = None
    message: str = ""
    hint: str = ""
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the fields that are empty."""
        return {key: value for key, value in asdict(self).items() if value not in ("", (), None, [], {})}
