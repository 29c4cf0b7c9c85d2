"""Hits as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.plain import plain
from splade_cli.records import Hit
from splade_cli.search.explain.term_names import readable
from splade_cli.search.explain.terms import Origin, origins

INDENT = 4
MARK_COLOURS = {"good": "green", "bad": "red"}


def hits(
    ranked: Sequence[Hit],
    explain: bool,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Ranked hits with snippets, and their terms and the part of each mode on demand.

    Args:
        marks: id to ``good`` or ``bad``.
    """
    for hit in ranked:
        _heading(hit, (marks or {}).get(hit.id))
        if hit.snippet:
            out.print(indented(highlighted(hit.snippet, hit.highlights)))
        if explain and hit.terms:
            out.print(indented(terms_line(hit)))
        if explain and hit.parts:
            out.print(indented(Text(parts_line(hit), style="dim")))
        grouped = grouped_line(hit)
        if grouped:
            out.print(indented(Text(grouped, style="dim")))
    if explain:
        legend(origin for hit in ranked for origin in origins(hit.terms))


def _heading(hit: Hit, mark: str | None) -> None:
    """Rank, score, title, id, place and mark: the last three below where they do not fit beside."""
    head = Text.assemble((f"{hit.rank:>2}", "bold"), "  ", (score(hit.score), "cyan"), "  ")
    name = Text(style="dim")
    if hit.title:
        head.append(plain(hit.title))
        name.append(plain(hit.id))
    else:
        head.append(plain(hit.id), style="bold")
    if hit.within:
        name.append(f"{' ' if name else ''}{plain(hit.within)}")
    if mark:
        if name:
            name.append("  ")
        name.append(f"[{mark}]", style=MARK_COLOURS[mark])
    if name and head.cell_len + 2 + name.cell_len <= out.width:
        head.append("  ").append_text(name)
        name = Text()
    out.print(head, overflow="fold")
    if name:
        out.print(indented(name))


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
    for term, origin in list(zip(hit.terms, origins(hit.terms), strict=True))[:limit]:
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


def grouped_line(hit: Hit) -> str:
    """What was grouped into a hit."""
    windows = [window.removeprefix(hit.document_id) for window in hit.windows]
    groups = [("more of this document", windows), ("nearly the same", hit.duplicates)]
    return "; ".join(f"{name}: {plain(', '.join(ids[:5]))}{_more(ids)}" for name, ids in groups if ids)


def _more(ids: Sequence[str]) -> str:
    if len(ids) <= 5:
        return ""
    return f" and {len(ids) - 5} more"


def score(value: float) -> str:
    """A score with as many digits as tell hits apart: those of a fusion are small."""
    if value and abs(value) < 1:
        return f"{value:.4f}"
    return f"{value:.2f}"


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


def highlighted(text: str, spans: Iterable[tuple[int, int]]) -> Text:
    """`text` with the words at `spans` in bold."""
    body = Text()
    rest = 0
    for start, end in spans:
        body.append(plain(text[rest:start]))
        body.append(plain(text[start:end]), style="bold")
        rest = end
    return body.append(plain(text[rest:]))


def indented(body: Text) -> Text:
    """Lines that fit, set in below the number of a hit; no blanks follow, so a resized screen holds."""
    lines = body.wrap(out, max(1, out.width - INDENT), overflow="fold")
    for line in lines:
        line.rstrip()
    return Text("\n").join(Text(" " * INDENT).append_text(line) for line in lines)
