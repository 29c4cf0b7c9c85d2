"""The terms and words behind a hit, as lines: which part of a search gave what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.hits.flow import INDENT, flowing
from splade_cli.cli.render.plain import plain
from splade_cli.records import Hit, Term
from splade_cli.search.explain.shown_terms import shown_terms
from splade_cli.search.explain.term_names import readable
from splade_cli.search.explain.terms import Origin

LISTED_TERMS = 8
_ADDED: dict[Origin, tuple[str, str]] = {
    "both": ("", ""),
    "query": ("", "*"),
    "document": ("*", ""),
    "model": ("*", "*"),
}
_COLOURS: dict[Origin, str] = {"both": "green", "query": "cyan", "document": "yellow", "model": "magenta"}


def is_starred(hit: Hit) -> bool:
    """Whether a term of a hit is shown with a star."""
    return any(term.origin != "both" for term in shown_terms(hit.terms).terms)


def legend_of_stars(starred: bool) -> None:
    """What a star means, where one was shown."""
    if starred:
        note("*term: added by the model to the query, term*: to the document")


def legend(shown: Iterable[Origin]) -> None:
    """As `legend_of_stars`, by the origins of what was shown."""
    legend_of_stars(bool(set(shown) - {"both"}))


def term_name(entry: str, origin: Origin) -> Text:
    """A term with a star on the side of the text that it does not stand in."""
    before, after = _ADDED[origin]
    return Text(f"{before}{plain(readable(entry))}{after}", style=_COLOURS[origin])


def reasons(hit: Hit) -> list[Text]:
    """A line for each part of a search that ranked the hit: what it gave, and by which terms or words."""
    if not hit.parts:
        return [terms_line(hit.terms)] if hit.terms else []
    lines = []
    for name, part in hit.parts.items():
        terms = {"sparse": hit.terms, "bm25": hit.words}.get(name, ())
        lines.append(terms_line(terms, part_of(name, part, told=bool(terms))))
    return lines


def part_of(name: str, part: Mapping[str, float], *, told: bool) -> Text:
    """What one part of a search gave a hit; `told` where its terms follow."""
    colon = ": " if told else ""
    return Text(f"{name} {score(part['score'])}, rank {part['rank']:.0f}{colon}", style="dim")


def terms_line(terms: Sequence[Term], before: Text | None = None) -> Text:
    """The heaviest terms that met with their shares of what all terms give."""
    listed, others = shown_terms(terms)
    pieces = []
    for term in listed[:LISTED_TERMS]:
        share = f" ({100 * term.share:.0f}%)" if term.share else ""
        pieces.append(
            term_name(term.name, term.origin).append(f" {term.contribution:.2f}{share}", style="dim")
        )
    others += max(0, len(listed) - LISTED_TERMS)
    if others:
        pieces.append(Text(f"+{others} more", style="dim"))
    return flowing(pieces, out.width - INDENT, before=before)


def score(value: float) -> str:
    """A score with as many digits as tell hits apart: those of a fusion are small."""
    if value and abs(value) < 1:
        return f"{value:.4f}"
    return f"{value:.2f}"
