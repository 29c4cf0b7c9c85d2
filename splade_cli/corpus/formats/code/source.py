"""Source code: a file as its top-level definitions, each with its name as heading and its comment as prose.

The cut is by lines: a definition begins behind a blank line at the left margin, so that no language needs a
parser of its own. What is between definitions stays together.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from functools import partial

from splade_cli.corpus.formats.code.languages import BOUND, CALLED, DEFINITION, Language
from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder
from splade_cli.corpus.formats.prose import Prose, Unreadable, fenced, squeezed

_LONG_LINE = 1_000  # characters of a line on average: nobody wrote that
_LARGE = 2_500  # characters of a definition that is cut at the definitions within it
_CLOSES = re.compile(
    r"[ \t]*(?:[)\]}>]|end\b|else\b|elif\b|except\b|finally\b|catch\b|EOF\b|then\b|done\b|fi\b)"
)
_QUOTES = re.compile(r"\"\"\"|'''")
_ATTACHED = re.compile(r"[ \t]*(?:@\w|#\[|\[[A-Z]\w*|template\s*<|#pragma|(?:async\s+)?(?:unsafe\s+)?\Z)")


def reader_of(language: Language) -> partial[Prose]:
    """The reader of files in a language."""
    return partial(read_source, language=language)


def read_source(source: str, language: Language) -> Prose:
    """The definitions of a file in order. Raises Unreadable for code that a program wrote."""
    if is_ladder(source):
        return Prose(fenced(squeezed(source), language.name), remark=LADDER_REMARK)
    lines = squeezed(source.expandtabs(4)).split("\n")
    written = [line for line in lines if line.strip()]
    if written and sum(map(len, written)) > _LONG_LINE * len(written):
        raise Unreadable("code without lines, as programs write it")
    text = []
    for block in _joined(list(_blocks(lines, 0, language)), language):
        text += _described(block, language, 2)
    return Prose(squeezed("\n\n".join(text)))


def _blocks(lines: list[str], indent: int, language: Language) -> Iterator[list[str]]:
    """Runs of lines, each from a line at the margin behind a blank one up to the next such."""
    block: list[str] = []
    quote = ""
    in_comment = False
    for line in lines:
        is_margin = bool(line.strip()) and len(line) - len(line.lstrip()) <= indent
        is_free = not quote and not in_comment
        if block and is_free and is_margin and not block[-1].strip() and not _CLOSES.match(line):
            yield block
            block = []
        block.append(line)
        quote = _open_quote(line, quote, language)
        in_comment = _open_comment(line, in_comment, language)
    if any(line.strip() for line in block):
        yield block


def _open_quote(line: str, quote: str, language: Language) -> str:
    """The quotation marks of Python that are open behind a line."""
    if language.name != "python":
        return ""
    for mark in _QUOTES.findall(line):
        if not quote:
            quote = mark
        elif mark == quote:
            quote = ""
    return quote


def _open_comment(line: str, is_open: bool, language: Language) -> bool:
    opening, closing = language.block
    if not opening:
        return False
    if not is_open and not line.lstrip().startswith(opening):
        return False
    return closing not in line.partition(opening)[2] if not is_open else closing not in line


def _joined(blocks: list[list[str]], language: Language) -> list[list[str]]:
    """Blocks, those that define nothing joined with their like; a comment stays where it is."""
    joined: list[list[str]] = []
    was_defined = True
    for block in blocks:
        defined = bool(_name_of(block, language))
        comment, code = _split_comment(block, language)
        only_comment = bool(comment) and not code
        if not defined and not only_comment and joined and not was_defined:
            joined[-1].extend(block)
        else:
            joined.append(list(block))
        was_defined = defined or only_comment
    return joined


def _described(block: list[str], language: Language, level: int) -> list[str]:
    """A heading where a name is defined, the comment above it, and the code."""
    comment, code = _split_comment(block, language)
    name = _name_of(block, language)
    text = []
    if name and level <= 4:
        text.append(f"{'#' * level} {name}")
    if comment:
        text.append(comment)
    size = sum(map(len, code))
    inner = _inner_blocks(code, language) if name and size > _LARGE and level < 4 else []
    if len(inner) > 1:
        text.append(_fence(inner[0], language))
        for part in inner[1:]:
            within = _described(part, language, level + 1)
            if within and within[0].startswith("#"):
                marks, _, own = within[0].partition(" ")
                within[0] = f"{marks} {name}.{own}"
            text += within
    elif code:
        text.append(_fence(code, language))
    return text


def _inner_blocks(code: list[str], language: Language) -> list[list[str]]:
    """A large definition in those within it, its opening lines first."""
    indents = [len(line) - len(line.lstrip()) for line in code[1:] if line.strip()]
    inner = [indent for indent in indents if indent > 0]
    if not inner:
        return []
    return _joined(list(_blocks(code, min(inner), language)), language)


def _fence(lines: list[str], language: Language) -> str:
    return fenced(textwrap.dedent("\n".join(line.rstrip() for line in lines)), language.name)


def _split_comment(block: list[str], language: Language) -> tuple[str, list[str]]:
    """The words of the comment that a block opens with, and the rest of it."""
    words: list[str] = []
    in_block = False
    for number, line in enumerate(block):
        stripped = line.strip()
        opening, closing = language.block
        mark = next((each for each in language.line if stripped.startswith(each)), "")
        if number == 0 and stripped.startswith("#!"):
            continue
        if in_block or (opening and stripped.startswith(opening)):
            inner = stripped.removeprefix(opening).lstrip("*!") if not in_block else stripped
            in_block = closing not in inner
            inner, _, behind = inner.partition(closing)
            words.append(inner.strip().removeprefix("*").removesuffix("*").strip())
            if behind.strip():
                return _words(words), [behind, *block[number + 1 :]]
        elif mark and not stripped.startswith(("#[", "#include", "#define", "#if", "#pragma")):
            words.append(stripped[len(mark) :].strip(" \t-=#*/"))
        elif stripped:
            return _words(words), block[number:]
        elif words:
            words.append("")
    return _words(words), []


def _words(lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    # A line of a comment must not become a heading or a fence.
    return re.sub(r"(?m)^(?=#{1,6}\s|```|~~~)", r"\\", text)


def _name_of(block: list[str], language: Language) -> str:
    """The name that a block defines in its first line of code, decorators and attributes passed over."""
    _, code = _split_comment(block, language)
    for line in code[:8]:
        defined = DEFINITION.match(line) or BOUND.match(line)
        if defined is None and language.block[0] == "/*" and len(line) < 300:
            defined = CALLED.match(line.strip())
        if defined and defined[1] not in ("if", "for", "while", "switch", "return", "else"):
            return defined[1].rstrip(":.")
        if line.strip() and not _ATTACHED.match(line):
            return ""
    return ""
