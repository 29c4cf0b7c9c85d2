"""The console: data on standard output, notes and hints on standard error.

Colours only on a terminal; NO_COLOR and TERM=dumb are honoured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from splade_cli.cli.render.plain import one_line, plain, plain_json

if TYPE_CHECKING:
    from splade_cli.corpus.folders import Folded, Skipped
    from splade_cli.index.bm25.language import Language


class Terminal(Console):
    """A console to which text goes without what a terminal would obey, whoever wrote it, see `plain`.

    All that is printed is rendered to segments; only those that Rich itself makes may steer the terminal.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control is None and not segment.text.isprintable():
                segment = Segment(plain(segment.text), segment.style)
            yield segment


class Output(Terminal):
    """Standard output. A reader that has seen enough (`| head`) is no failure, which Rich would make it."""

    def on_broken_pipe(self) -> None:
        """Leaves it to `main`, which ends in silence."""
        raise BrokenPipeError


out = Output(highlight=False, soft_wrap=False, emoji=False)
err = Terminal(stderr=True, highlight=False, emoji=False)
SHOWN_SKIPPED = 5
_NUMBER = re.compile(r"\d[\d,.]*")
LISTED_TERMS = 25
NARROW = 60
"""Columns below which what stands side by side is put one below the other."""


def lines(values: Sequence[str]) -> None:
    """Plain lines of data."""
    print("\n".join(map(plain, values)))


def json_document(value: Any) -> None:
    """One indented JSON document."""
    print(plain_json(json.dumps(value, ensure_ascii=False, indent=2)))


def json_line(value: Any) -> None:
    """One line of JSONL, at once, so that a pipe sees it."""
    print(plain_json(json.dumps(value, ensure_ascii=False)), flush=True)


def note(message: str) -> None:
    """A remark beside the data."""
    err.print(message, style="dim", markup=False)


def next_command(command: str) -> None:
    """What to type next."""
    labelled("next", command)


def labelled(label: str, command: str) -> None:
    """A command in one line, however long, to be copied."""
    err.print(f"{label}: {command}", style="dim", soft_wrap=True, markup=False)


def facts(values: Mapping[str, Any], as_json: bool, remark: str = "") -> None:
    """Names and values: aligned, or a JSON object."""
    if as_json:
        json_document({key.replace(" ", "_"): value for key, value in values.items()})
    else:
        width = max(map(len, values))
        for key, value in values.items():
            out.print(f"[bold]{key:<{width}}[/]  {escape(_shown(value))}", soft_wrap=True)
    if remark:
        note(remark)


def language_facts(language: Language, as_json: bool) -> dict[str, Any]:
    """A language among `facts`: for people with what says so."""
    if as_json:
        return {"language": language.name, "language certainty": language.certainty}
    return {"language": str(language)}


def columns(names: Sequence[str], narrow: bool) -> Table:
    """A table without lines; only words stand to the left."""
    table = Table(box=None, pad_edge=False, padding=(0, 1 if narrow else 2, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name in ("term", "kind") else "right", overflow="fold")
    return table


def skipped(files: Sequence[Skipped], *, everything: bool = False) -> None:
    """What could not be read, and why: each of a few, or of `everything`; else by the reason.

    What was folded, and what was read with a remark, is told apart, since its text is there.
    """
    from splade_cli.corpus.folders import Folded, Remarked

    _folded([one for one in files if isinstance(one, Folded)], everything)
    _by_reason([one for one in files if isinstance(one, Remarked)], "read", everything)
    _by_reason([one for one in files if not isinstance(one, (Folded, Remarked))], "skipped", everything)


def _by_reason(files: Sequence[Skipped], what: str, everything: bool) -> None:
    """What became of files, and why: each of a few, or of `everything`; else by the reason."""
    if everything or len(files) <= SHOWN_SKIPPED:
        for one in files:
            note(one_line(f"{what} {one.path}: {one.reason}"))
        return
    # rows tell their numbers, files their sizes, and brackets what is of one file
    alike: dict[str, list[Skipped]] = {}
    for one in files:
        alike.setdefault(_NUMBER.sub("0", one.reason.partition(" (")[0]), []).append(one)
    reasons = sorted(alike.values(), key=len, reverse=True)
    for group in reasons[:SHOWN_SKIPPED]:
        first = group[0]
        if len(group) == 1:
            note(one_line(f"{what} {first.path}: {first.reason}"))
        else:
            note(one_line(f"{what} {len(group)} such as {first.path}: {first.reason}"))
    others = sum(map(len, reasons[SHOWN_SKIPPED:]))
    if others:
        note(f"{what} {others} for other reasons")
    note(f"--show-skipped names all {len(files)}")


def _folded(files: Sequence[Folded], everything: bool) -> None:
    """What texts were read in another format: how many, or each of `everything`."""
    if everything:
        for one in files:
            note(one_line(f"folded {one.path}: {one.reason}"))
    elif files:
        first = files[0]
        what = "1 file has" if len(files) == 1 else f"{len(files)} files have"
        example = f"{first.path} that of {first.into}"
        note(one_line(f"folded: {what} the text of another in another format, such as {example}"))
        note("--show-skipped names what is folded, --keep-duplicates reads each format")


def _shown(value: Any) -> str:
    """A fact's value as text; of a mapping its names and values."""
    if isinstance(value, Mapping):
        pairs = [f"{name} {_shown(number)}" for name, number in value.items()]
        return ", ".join(pairs) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, float):
        return number(value)
    return str(value)


def number(value: float) -> str:
    """``0.6262`` and ``3.73``, but ``5`` for 5.0: digits that say something."""
    digits = 4 if abs(value) < 1 else 2
    written = f"{value:.{digits}f}"
    if "." not in written or written.rstrip("0").rstrip(".") in ("0", "-0"):
        return "0" if not value else written
    return written if abs(value) < 1 else written.rstrip("0").rstrip(".")


def print_versions() -> None:
    """Package, Python, torch, sentence-transformers, device, precision and threads with the reasons."""
    import platform
    from importlib.metadata import version

    from splade_cli import __version__
    from splade_cli.cores import available_threads
    from splade_cli.model.device import choose_device, threads

    device = choose_device()
    machine = f"{platform.system()} {platform.machine()}, {available_threads()} cores"
    print(f"splade {__version__}")
    print(f"Python {platform.python_version()} on {machine}")
    for name in ("torch", "transformers", "sentence-transformers"):
        print(f"{name} {version(name)}")
    print(f"device {device.name}, {device.precision}: {device.reason}")
    count, reason = threads()
    print(f"threads {count}: {reason}")
