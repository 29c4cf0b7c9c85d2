"""A terminal emulator that a command runs in, and its screen as an SVG.

The colours are the command's own; dim text, which the emulator does not know, is grey.
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pexpect  # type: ignore[import-untyped]
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

LIMIT = 180.0
"""Seconds after which a command counts as hanging."""
QUIET = 2.0
"""Seconds without a change after which an answer counts as whole."""
THEMES = {
    "light": TerminalTheme(
        (255, 255, 255),
        (36, 41, 47),
        [tuple(colour) for colour in DEFAULT_TERMINAL_THEME.ansi_colors._colors[:8]],  # type: ignore[misc]
        [tuple(colour) for colour in DEFAULT_TERMINAL_THEME.ansi_colors._colors[8:]],  # type: ignore[misc]
    ),
    "dark": SVG_EXPORT_THEME,
}
DIM = "brightblack"
FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'


class Screen(pyte.Screen):
    """A screen on which dim text is grey, and which answers the program in it.

    Args:
        answer: is given what the terminal says, such as where the cursor is.
    """

    def __init__(self, columns: int, rows: int, answer: Callable[[str], None]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)

    def select_graphic_rendition(self, *attributes: int, **private: Any) -> None:
        super().select_graphic_rendition(*attributes, **private)
        if {38, 48} & set(attributes):
            return  # numbers of a colour
        if 2 in attributes:
            self.cursor.attrs = self.cursor.attrs._replace(fg=DIM)
        elif 22 in attributes and self.cursor.attrs.fg == DIM:
            self.cursor.attrs = self.cursor.attrs._replace(fg="default")


class Terminal:
    """A command of `splade` on a pseudo-terminal.

    Args:
        words: of the command, without `splade` itself.
        folder: that it runs in.
        columns, rows: of the terminal.
    """

    def __init__(self, words: list[str], folder: Path, columns: int, rows: int) -> None:
        self.screen = Screen(columns, rows, self.send)
        self._stream = pyte.Stream(self.screen)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(name, None)
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "splade_cli", *words],
            cwd=str(folder),
            env=environment,
            dimensions=(rows, columns),
            encoding="utf-8",
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._child.close(force=True)

    def send(self, keys: str) -> None:
        """Types."""
        self._child.send(keys)

    def ask(self, line: str) -> None:
        """Types a line and waits until its answer is there."""
        self.send(line + "\r")
        self.until(line)
        self.until_quiet()

    def until(self, text: str) -> None:
        """Waits until a text is on the screen."""
        end = time.monotonic() + LIMIT
        while text not in "\n".join(self.screen.display):
            if time.monotonic() > end or not self._read():
                raise RuntimeError(f"{text} did not come:\n" + "\n".join(self.screen.display))

    def until_quiet(self) -> None:
        """Waits until a first hit is there and nothing changes any more."""
        last = ""
        since = began = time.monotonic()
        while time.monotonic() - since < QUIET or not re.search(r"^ *1  ?\S", last, re.MULTILINE):
            self._read()
            if time.monotonic() - began > LIMIT:
                raise RuntimeError(f"no hit came:\n{last}")
            shown = "\n".join(self.screen.display)
            if shown != last:
                last = shown
                since = time.monotonic()

    def until_it_ends(self) -> None:
        """Waits for the end of the command."""
        while self._read():
            pass

    def _read(self) -> bool:
        try:
            self._stream.feed(self._child.read_nonblocking(65536, 0.1))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True

    def lines(self) -> list[Text]:
        """The screen, without the empty lines at its end."""
        lines = [self._line(row) for row in range(self.screen.lines)]
        while lines and not lines[-1].plain.strip():
            lines.pop()
        return lines

    def _line(self, row: int) -> Text:
        line = Text()
        run = ""
        style = Style()
        for column in range(self.screen.columns):
            cell = self.screen.buffer[row][column]
            if style_of(cell) != style:
                line.append(run, style)
                run = ""
                style = style_of(cell)
            run += cell.data
        line.append(run, style)
        line.rstrip()
        return line


def style_of(cell: Any) -> Style:
    """How a cell of the emulator looks, in Rich's words."""
    return Style(
        color=colour(cell.fg),
        bgcolor=colour(cell.bg),
        bold=cell.bold or None,
        italic=cell.italics or None,
        underline=cell.underscore or None,
        reverse=cell.reverse or None,
    )


def colour(name: str) -> str | None:
    """A colour of the emulator by Rich's name, None for the usual one."""
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    named = name.replace("brown", "yellow")
    return named.replace("bright", "bright_")


def picture(terminal: Terminal, command: str, scheme: str) -> str:
    """The screen as an SVG that names no address: the command that was typed, then what stands there."""
    console = Console(record=True, width=terminal.screen.columns, file=io.StringIO(), force_terminal=True)
    console.print(Text(command, Style(bold=True)))
    for line in terminal.lines():
        console.print(line, no_wrap=True, overflow="crop")
    svg = console.export_svg(title="", theme=THEMES[scheme], unique_id=f"terminal-{scheme}")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!-- .*? -->\s*", "", svg).replace("rgba(255,255,255,0.35)", "rgba(128,128,128,0.5)")
    return svg.replace("Fira Code, monospace", FONT.replace('"', "'")).replace(
        "Fira Code", FONT.replace('"', "'")
    )
