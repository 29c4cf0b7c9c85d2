"""MDX: Markdown with the components of JSX, whose tags go and whose content stays."""

from __future__ import annotations

import re

from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.prose import Prose

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_MODULE = re.compile(r"(?:import|export)\b(?=[ \t]*[\w{*\"'\[])")
# A span of code is taken first, so that no tag within it counts.
_TAG_OR_CODE = re.compile(r"(`+)[^`\n]+\1|</?(?:[A-Z][\w.]*|[a-z]\w*\.[\w.]+|(?=>))")
_COMMENT = re.compile(r"\{\s*/\*.*?\*/\s*\}", re.DOTALL)
_SHOWN = re.compile(
    r"\b(?:title|label|summary|header|heading|caption|description|alt)=(?:\"([^\"]*)\"|'([^']*)')"
)
_LONGEST_TAG = 10_000


def read_mdx(source: str) -> Prose:
    """Text, title and front matter of a file; of a component's properties its title and label are kept."""
    kept: list[str] = []
    prose: list[str] = []
    fence = ""
    in_module = False
    for line in source.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            kept.append(line)
            if mark and mark[1].startswith(fence):
                fence = ""
            continue
        if mark:
            kept.append(_without_components("\n".join(prose)))
            prose = []
            kept.append(line)
            fence = mark[1]
            in_module = False
            continue
        if not line.strip():
            in_module = False
        elif _MODULE.match(line):
            in_module = True
        if not in_module:
            prose.append(line)
    kept.append(_without_components("\n".join(prose)))
    return read_markdown("\n".join(kept), indented_code=False)


def _without_components(text: str) -> str:
    text = _COMMENT.sub("", text)
    parts = []
    position = 0
    for tag in _TAG_OR_CODE.finditer(text):
        if tag.start() < position or tag[0].startswith("`"):
            continue
        end = _end_of_tag(text, tag.end())
        if end < 0:
            continue
        parts.append(text[position : tag.start()])
        for words in _SHOWN.findall(text[tag.end() : end]):
            parts.append(f"\n\n{words[0] or words[1]}\n\n")
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _end_of_tag(text: str, start: int) -> int:
    """Behind the ``>`` that closes a tag, braces and quotes counted; -1 where there is none."""
    depth = 0
    quote = ""
    for position in range(start, min(len(text), start + _LONGEST_TAG)):
        sign = text[position]
        if quote:
            if sign == quote:
                quote = ""
        elif sign in "\"'" and not depth:
            quote = sign
        elif sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
        elif sign == ">" and depth <= 0:
            return position + 1
        elif sign == "<" and depth <= 0:
            return -1
    return -1
