"""Hits as a person reads them on a terminal: all that is known, or as much as so many lines have room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.hits.flow import INDENT, highlighted, indented_lines
from splade_cli.cli.render.hits.reasons import is_starred, legend_of_stars, reasons, score
from splade_cli.cli.render.plain import plain
from splade_cli.records import Hit, Window

MARK_COLOURS = {"good": "green", "bad": "red"}
MOST_LINES = 3
"""Lines of a snippet in a window of limited height; also where there is room for more."""


@dataclass
class _Block:
    """The lines of one hit: what is said of it, its snippet, what stands below; `spare` may be left out."""

    head: list[Text]
    snippet: list[Text] = field(default_factory=list)
    below: list[Text] = field(default_factory=list)
    spare: list[Text] = field(default_factory=list)

    @property
    def least(self) -> int:
        """Lines that it takes at least."""
        return len(self.head) + min(1, len(self.snippet)) + len(self.below)


def hits(
    ranked: Sequence[Hit],
    explain: bool,
    marks: Mapping[str, str] | None = None,
    room: int | None = None,
) -> int:
    """Ranked hits with snippets, and their terms and the part of each mode on demand.

    Args:
        marks: id to ``good`` or ``bad``.
        room: lines that they may take, all of them where None: first hits get more lines of their snippets,
            and the last are left out where even one line each is too much.

    Returns:
        How many are shown.
    """
    tight = room is not None
    blocks = [_block(hit, (marks or {}).get(hit.id), explain, tight) for hit in ranked]
    starred = explain and any(is_starred(hit) for hit in ranked)
    if room is None:
        for block in blocks:
            _print([*block.head, *block.snippet, *block.below, *block.spare])
        legend_of_stars(starred)
        return len(blocks)
    room -= starred
    shown = fitting([block.least for block in blocks], room)
    if shown < len(blocks):
        shown = fitting([block.least for block in blocks], room - 1)  # a line says that there is more
    lines = shared_out(blocks[:shown], room - (shown < len(blocks)))
    for block, (of_snippet, spared) in zip(blocks, lines, strict=False):
        _print([*block.head, *_cut(block.snippet, of_snippet), *block.below, *block.spare[:spared]])
    legend_of_stars(starred)
    if shown < len(blocks):
        note(f"{len(blocks) - shown} more: /more")
    return shown


def fitting(least: Sequence[int], room: int) -> int:
    """How many of the first blocks fit, each in its least lines; one at least."""
    used = 0
    for number, lines in enumerate(least):
        used += lines
        if used > room:
            return max(1, number)
    return len(least)


def shared_out(blocks: Sequence[_Block], room: int) -> list[tuple[int, int]]:
    """Lines of its snippet, and of what may be left out, for each block; what is over goes to the first."""
    over = room - sum(block.least for block in blocks)
    snippets = [min(1, len(block.snippet)) for block in blocks]
    spared = [0] * len(blocks)
    for most in range(2, MOST_LINES + 1):
        for number, block in enumerate(blocks):
            if over > 0 and snippets[number] == most - 1 and len(block.snippet) >= most:
                snippets[number] += 1
                over -= 1
        for number, block in enumerate(blocks):
            if over >= len(block.spare) and most == 2:
                spared[number] = len(block.spare)
                over -= len(block.spare)
    return list(zip(snippets, spared, strict=True))


def _print(lines: Iterable[Text]) -> None:
    for line in lines:
        out.print(line, overflow="fold")


def _cut(lines: Sequence[Text], most: int) -> list[Text]:
    """The first lines, with an ellipsis where more follow."""
    kept = [line.copy() for line in lines[:most]]
    if len(kept) < len(lines) and kept:
        last = kept[-1]
        if last.cell_len > out.width - 2:
            blank = last.plain.rfind(" ", INDENT + 1)
            last.right_crop(len(last.plain) - blank if blank > 0 else 2)
        if not last.plain.endswith("…"):
            last.append(" …")
    return kept


def _block(hit: Hit, mark: str | None, explain: bool, tight: bool) -> _Block:
    block = _Block(_heading(hit, mark))
    if hit.snippet:
        block.snippet = indented_lines(highlighted(hit.snippet, hit.highlights))
    if explain:
        for line in reasons(hit):
            lines = indented_lines(line)
            block.below.extend(lines[:1] if tight else lines)
    for window in hit.shown_windows:
        lines = indented_lines(_window(hit, window))
        block.spare.extend(lines[:1] if tight else lines)
    grouped = grouped_line(hit)
    if grouped:
        block.spare.extend(indented_lines(Text(grouped, style="dim")))
    return block


def _heading(hit: Hit, mark: str | None) -> list[Text]:
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
    below: list[Text] = []
    if name and head.cell_len + 2 + name.cell_len <= out.width:
        head.append("  ").append_text(name)
    elif name:
        below = indented_lines(name)
    return [*head.wrap(out, out.width, overflow="fold"), *below]


def _window(hit: Hit, window: Window) -> Text:
    """Another piece of the document: where, and what it says."""
    where = " ".join(filter(None, (window.id.removeprefix(hit.document_id), window.within)))
    line = Text(f"also {plain(where)}  ", style="dim")
    return line.append_text(highlighted(window.snippet, window.highlights))


def grouped_line(hit: Hit) -> str:
    """What was grouped into a hit, but the windows that are shown."""
    shown = {window.id for window in hit.shown_windows}
    windows = [each.removeprefix(hit.document_id) for each in hit.windows if each not in shown]
    groups = [("more of this document", windows), ("nearly the same", hit.duplicates)]
    return "; ".join(f"{name}: {plain(', '.join(ids[:5]))}{_more(ids)}" for name, ids in groups if ids)


def _more(ids: Sequence[str]) -> str:
    if len(ids) <= 5:
        return ""
    return f" and {len(ids) - 5} more"
