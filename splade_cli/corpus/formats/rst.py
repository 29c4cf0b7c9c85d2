"""A reStructuredText file comes in, plain text with ``#`` headings goes out; follows no include and no
reference.

Read line by line, as far as documents go: docutils would refuse the directives and roles that Sphinx adds.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field

from splade_cli.corpus.formats.prose import Prose, block_end, fenced, indented, names, next_text, squeezed

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*\Z")
_DIRECTIVE = re.compile(r"( *)\.\. (?:\|[^|]+\| )?([\w:+.-]+?)::(?:[ \t]+(.*))?\Z")
_CODE = names("code code-block sourcecode parsed-literal prompt console highlight-block doctest testcode raw")
_NO_TEXT = names(
    "toctree contents include literalinclude highlight index meta currentmodule default-role sectnum image"
)
_ROLES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?::[\w:+.-]{1,60}:)?`([^`<]+?)\s*<[^`>]*>`_{0,2}"), r"\1"),
    (re.compile(r":[\w:+.-]{1,60}:`[~!]?([^`]+)`"), r"\1"),
    (re.compile(r"``(.+?)``"), r"\1"),
    (re.compile(r"`([^`]+)`_{0,2}(?!\w)"), r"\1"),
    (re.compile(r"(?<![\w*\\])(\*{1,2})(?=[^\s*])([^*]+?)(?<=[^\s*])\1(?![\w*])"), r"\2"),
    (re.compile(r"\\(?=[^\w\s])"), ""),
)


def read_rst(source: str) -> Prose:
    """Text and title of a reStructuredText file: headings by order of appearance, directives unwrapped."""
    outline = _Outline()
    lines = _lines(source.expandtabs(8).split("\n"), outline)
    for name, words in re.findall(r"(?m)^\s*\.\. \|([^|]+)\| replace:: (.+)$", source):
        lines = [line.replace(f"|{name}|", words) for line in lines]
    return Prose(squeezed("\n".join(lines)), outline.titles[0] if outline.titles else "")


@dataclass
class _Outline:
    """The headings so far: the level of one is told by its adornment, in the order in which adornments first come."""

    titles: list[str] = field(default_factory=list)
    adornments: list[tuple[str, bool]] = field(default_factory=list)

    def heading(self, title: str, adornment: tuple[str, bool]) -> str:
        if adornment not in self.adornments:
            self.adornments.append(adornment)
        self.titles.append(title)
        return f"{'#' * min(self.adornments.index(adornment) + 1, 6)} {title}"


def _lines(lines: list[str], outline: _Outline) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        below = lines[at + 1] if at + 1 < len(lines) else ""
        under = lines[at + 2] if at + 2 < len(lines) else ""
        indent = len(line) - len(line.lstrip())
        over = _ADORNMENT.match(line) and below.strip() and under.rstrip() == line.rstrip()
        if over or (line.strip() and not indent and _underlines(below, line)):
            title = _words((below if over else line).strip())
            out.extend(["", outline.heading(title, (line[0] if over else below[0], bool(over))), ""])
            at += 3 if over else 2
        elif found := _DIRECTIVE.match(line):
            end = block_end(lines, at + 1, indent + 1)
            out.extend(["", *_directive(found[2].lower(), found[3] or "", lines[at + 1 : end], outline), ""])
            at = end
        elif re.match(r" *\.\. \[([^\]]+)\]", line):
            out.append(_words(line.replace(".. ", "", 1)))
            at += 1
        elif re.match(r" *(?:\.\.|__)(?: |\Z)", line):
            at = block_end(lines, at + 1, indent + 1)
        elif _ADORNMENT.match(line) or re.match(r" *(?:\+[-=+]{2,}|={2,}(?: +={2,})+\s*\Z)", line):
            at += 1
        elif line.rstrip().endswith("::"):
            end = block_end(lines, at + 1, indent + 1)
            words = _words(line.rstrip()[:-1])
            out.append("" if words.strip() == ":" else words)
            code = textwrap.dedent("\n".join(lines[at + 1 : end]))
            out.extend(["", *indented(fenced(code), indent).split("\n"), ""] if code.strip() else [])
            at = max(end, at + 1)
        else:
            at += 1
            row = re.match(r" *\|(.*)\|\s*\Z", line)
            line = " | ".join(part.strip() for part in row[1].split("|")) if row else line
            # A link may go on in the next line.
            while line.count("`") % 2 and line.count("\n") < 4 and at < len(lines) and lines[at].strip():
                line, at = f"{line}\n{lines[at]}", at + 1
            out.append(_words(re.sub(r"^( *)[*+•] ", r"\1- ", line)))
    return out


def _underlines(below: str, title: str) -> bool:
    # One character short is an error that docutils forgives, too.
    long_enough = len(below.rstrip()) + 1 >= len(title.rstrip())
    return long_enough and bool(_ADORNMENT.match(below)) and not _ADORNMENT.match(title)


def _directive(name: str, argument: str, body: list[str], outline: _Outline) -> list[str]:
    options = 0
    while options < len(body) and re.match(r"\s+:[\w-]+:", body[options]):
        options += 1
    alt = next((found[1] for row in body[:options] if (found := re.match(r"\s+:alt:\s*(.*)", row))), "")
    if name in _CODE:
        return fenced(textwrap.dedent("\n".join(body[options:])), argument.split(" ")[0]).split("\n")
    if name in _NO_TEXT or name == "replace":
        return [alt]
    inner = _lines(textwrap.dedent("\n".join(body[options:])).split("\n"), outline)
    if name == "figure":
        return [alt, "", *inner]
    kind = (
        ""
        if ":" in name or name in ("figure", "only", "container", "class", "rubric", "centered")
        else f"{name}: "
    )
    words = kind.replace("-", " ").capitalize() + _words(argument)
    return [words, *inner] if argument else [words.strip(), *inner[next_text(inner, 0) :]]


def _words(text: str) -> str:
    for pattern, replacement in _ROLES:
        text = pattern.sub(replacement, text)
    return text
