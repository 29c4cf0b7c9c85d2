"""LaTeX: the text of a document with ``#`` headings, its formulas as they are written, and its title.

Commands that are not known leave their braces' content; macros are not expanded, and no input is followed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

from splade_cli.corpus.formats.markup.tex_blocks import between, closing_braces, headings, lists, rows
from splade_cli.corpus.formats.markup.tex_words import (
    ACCENTS,
    BEFORE,
    DROPPED,
    ENVIRONMENTS,
    PUNCTUATION,
    SIGNS,
)
from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder
from splade_cli.corpus.formats.prose import Prose, fenced, not_followed, squeezed

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_CODE = re.compile(
    r"\\begin\{(verbatim\*?|lstlisting|minted|alltt|Verbatim|code|comment)\}"
    r"((?:\[[^\]\n]*\])?(?:\{[^}\n]*\})?)"
)
_MATH = ((re.compile(r"\$\$"), "$$"), (re.compile(r"\\\["), "\\]"), (re.compile(r"\\\("), "\\)"))
_SHORT_MATH = re.compile(r"(?<!\\)\$[^$]{1,2000}(?<!\\)\$")
_TABULAR = re.compile(r"\\begin\{((?:tabular|tabularx|longtable|array|tabu|tabulary)\*?)\}")
_VERB = re.compile(r"\\(?:verb\*?|lstinline)([^\w\s{])(.+?)\1")
_TITLE = re.compile(r"\\title\*?(?:\[[^\]\n]*\])?\s*\{")
_INCLUDED = re.compile(r"\\(?:input|include|subfile|lstinputlisting(?:\[[^\]\n]*\])?)\s*\{([^{}\n]+)\}")
_ACCENT = re.compile(
    r"\\([`'^\"~=.Hcuvdbkr])\s*(?:\{\s*(\\?[a-zA-Z])\s*\}|(?<![a-zA-Z])(\\?[a-zA-Z])(?![{]))"
)
_COMMAND = re.compile(r"\\([a-zA-Z@]+)\*?[ \t]*")
_ARGUMENT = re.compile(r"[ \t]*\n?[ \t]*\{([^{}]*)\}")
_OPTION = re.compile(r"[ \t]*\[[^\[\]\n]{0,500}\]")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{([\w*]+)\}(?:\[[^\]\n]*\])?")
# Signs that are meant as they are wait as private ones until the others are gone.
_ESCAPED = re.compile(r"(?<!\\)\\([%&#$_{}])")
_ESCAPED_FROM = 0xE100
_ESCAPED_SIGN = re.compile("[\ue100-\ue17f]")
_NUMBER_OF_HELD = re.compile("\ue000(\\d+)\ue001")
_MOST = 2_000_000  # characters: more is no document that was written


def read_tex(source: str) -> Prose:
    """Text and title of a document; what stands before its ``\\begin{document}`` names it at most."""
    if is_ladder(source) or len(source) > _MOST:
        return Prose(squeezed(source), remark=LADDER_REMARK)
    held = _Held()
    text = squeezed(source).replace("\ue000", "").replace("\ue001", "")
    text = between(text, _CODE, lambda opened: f"\\end{{{opened[1]}}}", held.code)
    text = _VERB.sub(lambda match: held.keep(match[2]), text)
    text = "\n".join(_COMMENT.sub(r"\1", line) for line in _kept_lines(text))
    title = _title(text)
    included = _INCLUDED.findall(text)
    _, begin, body = text.partition("\\begin{document}")
    if begin:
        text = body.partition("\\end{document}")[0]
    for opening, closing in _MATH:
        text = between(text, opening, partial(_always, closing), held.math)
    text = _SHORT_MATH.sub(lambda match: held.keep(match[0]), text)
    text = between(text, _TABULAR, lambda opened: f"\\end{{{opened[1]}}}", lambda opened, body: rows(body))
    text = held.back_in(_without_commands(lists(headings(text))))
    heading = re.search(r"(?m)^#+ (.+)", text)
    if not title and heading:
        title = heading[1]
    return Prose(squeezed(text), title, remark=not_followed(included))


class _Held:
    """What is kept as it is written, and stands as a number in the text until all else is done."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def keep(self, text: str) -> str:
        self._texts.append(text)
        return f"\ue000{len(self._texts) - 1}\ue001"

    def code(self, opened: re.Match[str], code: str) -> str:
        if opened[1] == "comment":
            return ""
        language = re.search(r"language=(\w+)|\{(\w+)\}", opened[2])
        named = (language[1] or language[2]) if language else ""
        return f"\n\n{self.keep(fenced(code, named))}\n\n"

    def math(self, opened: re.Match[str], formula: str) -> str:
        closing = {"\\[": "\\]", "\\(": "\\)"}.get(opened[0], opened[0])
        return self.keep(f"{opened[0]}{formula}{closing}")

    def back_in(self, text: str) -> str:
        # A formula may hold code, and code nothing else.
        for _ in range(2):
            text = _NUMBER_OF_HELD.sub(lambda number: self._texts[int(number[1])], text)
        return text


def _always(closing: str, opened: re.Match[str]) -> str:
    return closing


def _kept_lines(text: str) -> list[str]:
    """Lines that are not comments as a whole: those leave nothing, not even an empty line."""
    return [line for line in text.split("\n") if not line.lstrip().startswith("%")]


def _title(text: str) -> str:
    found = _TITLE.search(text)
    if found is None:
        return ""
    end = closing_braces(text).get(found.end() - 1, found.end())
    return " ".join(_without_commands(text[found.end() : end]).split())


def _without_commands(text: str) -> str:
    """Accents and signs as letters, commands gone, the content of their braces kept where it is text."""
    text = _ESCAPED.sub(lambda sign: chr(_ESCAPED_FROM + ord(sign[1])), text)
    text = _ENVIRONMENT.sub(_environment, text)
    text = _ACCENT.sub(lambda match: _accented(match[1], match[2] or match[3]), text)
    parts = []
    position = 0
    while (command := _COMMAND.search(text, position)) is not None:
        parts.append(text[position : command.start()])
        position = command.end()
        name = command[1]
        if name in SIGNS:
            parts.append(SIGNS[name])
            if text.startswith("{}", position):
                position += 2
            continue
        while option := _OPTION.match(text, position):
            position = option.end()
        for _ in range(DROPPED.get(name, 0)):
            argument = _ARGUMENT.match(text, position)
            if argument:
                position = argument.end()
        parts.append(BEFORE.get(name, ""))
    parts.append(text[position:])
    text = re.sub(r"\\\\(?:\[[^\]\n]*\])?", "\n", "".join(parts))
    text = re.sub(r"\\([,;: ])", " ", text)
    # Two arguments of a command that is not known are two words.
    text = re.sub(r"\\[!/@-]|[{}]", "", text.replace("}{", "} {"))
    for written, shown in PUNCTUATION.items():
        text = text.replace(written, shown)
    text = re.sub(r"(?m)^[ \t]+(?![ \t]*- )", "", text)
    return _ESCAPED_SIGN.sub(lambda sign: chr(ord(sign[0]) - _ESCAPED_FROM), text)


def _environment(found: re.Match[str]) -> str:
    return "" if found[1].rstrip("*") in ENVIRONMENTS else "\n\n"


def _accented(accent: str, letter: str) -> str:
    letter = letter.removeprefix("\\")
    return unicodedata.normalize("NFC", letter + ACCENTS[accent])
