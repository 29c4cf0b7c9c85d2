"""Hits as a person reads them on a terminal. Knows no computation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from splade_cli.cli.render.console import note, out
from splade_cli.records import Hit
from splade_cli.search.explain.literal_terms import matched_spans, readable
from splade_cli.search.explain.terms import Origin, origins

INDENT, HIGHLIGHTED = 4, 10

NOTHING = "no document shares a term with this query"


def hits(
    found: Sequence[Hit],
    query: str,
    explain: bool,
    marks: Mapping[str, str] | None = None,
    nothing: str = NOTHING,
) -> None:
    """Ranked hits with snippets, and their terms and the part of each mode on demand.

    Args:
        nothing: what to say where there is no hit.
        marks: id to ``good`` or ``bad``.
    """
    if not found:
        note(f"{nothing}; try other words")
        return
    for hit in found:
        head = Text.assemble((f"{hit.rank:>2}", "bold"), "  ", (score(hit.score), "cyan"), "  ")
        head.append(plain(hit.title or hit.id), style="" if hit.title else "bold")
        name = Text(plain(hit.id) if hit.title else "", style="dim")
        mark = (marks or {}).get(hit.id)
        if mark:
            name.append(f"{'  ' if name else ''}[{mark}]", style="green" if mark == "good" else "red")
        beside = head.cell_len + 2 + name.cell_len <= out.width
        out.print(head.append("  ").append_text(name) if name and beside else head, overflow="fold")
        if name and not beside:
            out.print(indented(name))
        if hit.snippet:
            out.print(indented(highlighted(hit.snippet, hit)))
        if explain:
            if hit.terms:
                out.print(indented(terms_line(hit)))
            if hit.parts:
                out.print(indented(Text(parts_line(hit), style="dim")))
        if alike := alike_line(hit):
            out.print(indented(Text(alike, style="dim")))
    if explain:
        legend(origin for hit in found for origin in origins(hit))


_ADDED: dict[Origin, tuple[str, str]] = {
    "both": ("", ""),
    "query": ("", "*"),
    "document": ("*", ""),
    "model": ("*", "*"),
}
_COLOURS: dict[Origin, str] = {"both": "green", "query": "cyan", "document": "yellow", "model": "magenta"}


def legend(shown: Iterable[Origin]) -> None:
    """What a star means, where one was shown."""
    if set(shown) - {"both"}:
        note("*term: added by the model to the query, term*: to the document; else it stands in the text")


def term_name(entry: str, origin: Origin) -> Text:
    """A term with a star on the side of the text that it does not stand in."""
    before, after = _ADDED[origin]
    return Text(f"{before}{plain(readable(entry))}{after}", style=_COLOURS[origin])


def terms_line(hit: Hit, limit: int = 8) -> Text:
    """The heaviest terms that met with their shares of what all terms give."""
    whole = sum(term.contribution for term in hit.terms)
    pieces = []
    for term, origin in list(zip(hit.terms, origins(hit), strict=True))[:limit]:
        share = f" ({100 * term.contribution / whole:.0f}%)" if whole else ""
        pieces.append(term_name(term.term, origin).append(f" {term.contribution:.2f}{share}", style="dim"))
    if len(hit.terms) > limit:
        pieces.append(Text(f"+{len(hit.terms) - limit} more", style="dim"))
    return flowing(pieces, out.width - INDENT)


def parts_line(hit: Hit) -> str:
    """What each part of a search gave a hit."""
    return "; ".join(
        f"{name} rank {part['rank']:.0f}, {score(part['score'])}" for name, part in hit.parts.items()
    )


def alike_line(hit: Hit) -> str:
    """What was folded into a hit."""
    windows = [window.removeprefix(hit.document_id) for window in hit.windows]
    folded = [("more of this document", windows), ("nearly the same", hit.duplicates)]
    return "; ".join(f"{name}: {plain(', '.join(ids[:5]))}{_more(ids)}" for name, ids in folded if ids)


def _more(ids: Sequence[str]) -> str:
    return f" and {len(ids) - 5} more" if len(ids) > 5 else ""


def score(value: float) -> str:
    """A score with as many digits as tell hits apart: those of a fusion are small."""
    return f"{value:.2f}" if abs(value) >= 1 or not value else f"{value:.4f}"


def flowing(pieces: Sequence[Text], width: int, gap: str = "  ") -> Text:
    """`pieces` one after the other, a new line where the next one would not fit in whole."""
    line, used = Text(), 0
    for piece in pieces:
        if used and used + len(gap) + piece.cell_len > width:
            line.append("\n")
            used = 0
        elif used:
            line.append(gap)
            used += len(gap)
        line.append_text(piece)
        used += piece.cell_len
    return line


def highlighted(text: str, hit: Hit) -> Text:
    """`text` with the words in bold that the heaviest terms of `hit` stand for."""
    body = Text(plain(text))
    for start, end in matched_spans(body.plain, [term.term for term in hit.terms[:HIGHLIGHTED]]):
        body.stylize("bold", start, end)
    return body


def plain(text: str) -> str:
    """`text` without what a terminal would obey or could not print: control characters and lone surrogates."""
    if text.isprintable():
        return text
    kept = "".join(
        letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs")
    )
    return kept.expandtabs(4)


def indented(body: Text) -> Text:
    """`body` in lines that fit, set in below the number of its hit; no blanks follow, so a resized screen holds."""
    lines = body.wrap(out, max(1, out.width - INDENT), overflow="fold")
    for line in lines:
        line.rstrip()
    return Text("\n").join(Text(" " * INDENT).append_text(line) for line in lines)
