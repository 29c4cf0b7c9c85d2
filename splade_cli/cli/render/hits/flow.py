"""Text in lines: pieces that flow, words in bold, and lines that are set in below the number of a hit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from splade_cli.cli.render.console import out
from splade_cli.cli.render.plain import plain

INDENT = 4


def flowing(pieces: Sequence[Text], width: int, gap: str = "  ", before: Text | None = None) -> Text:
    """`pieces` one after the other, a new line where the next one would not fit in whole.

    Args:
        before: what they stand behind, on the first line.
    """
    line = Text()
    used = 0
    if before is not None:
        line.append_text(before)
    opening = line.cell_len
    for piece in pieces:
        if used and opening + used + len(gap) + piece.cell_len > width:
            line.append("\n")
            used = 0
            opening = 0
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
    return Text("\n").join(indented_lines(body))


def indented_lines(body: Text) -> list[Text]:
    """As `indented`, a text a line."""
    lines = body.wrap(out, max(1, out.width - INDENT), overflow="fold")
    for line in lines:
        line.rstrip()
    return [Text(" " * INDENT).append_text(line) for line in lines]
