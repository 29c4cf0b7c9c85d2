"""Lines of Markdown come in, and with the block syntax of documentation generators put into words they go
out.

MkDocs and its kin (Docusaurus, VitePress, Jekyll, GitHub) each add blocks for notes, tabs and includes that
CommonMark takes for paragraphs. Here they become a label and their text; knows nothing of the rest of
Markdown but code fences.
"""

from __future__ import annotations

import re

from splade_cli.corpus.formats.prose import block_end, names, next_text

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
# Lines that a site generator replaces by something that is not in this file: includes, macros, tables of contents.
_GENERATED = re.compile(
    r"\s*(?:\{\{?[%<*].*[%>*]\}\}?|\{:.*\}|\{\s*[.#][^{}]*\}|-+8<-+.*|(?i:\[\[?_?toc_?\]?\]))\s*\Z"
)
# No directive is longer, and the patterns for them take quadratic time.
_LONGEST_DIRECTIVE = 500
_SLASHES = re.compile(r" {0,3}/{3,}\s*(?:([\w-]+)\s*(?:\|\s*(.*?))?)?\s*\Z")
_COLONS = re.compile(r" {0,3}:{3,}\s*(?:(\w+(?:\.\w+)+)|\{?([\w-]+)\}?(?:[ \t]*\[(.*)\]|[ \t]+(.*?))?)?\s*\Z")
_BANGS = re.compile(r"( *)(?:!!!|\?\?\?\+?)[ \t]+([\w-]+)[\w \t-]*(?:\"(.*)\")?\s*\Z")
_TAB = re.compile(r"( *)===[+!]?[ \t]+\"(.*)\"\s*\Z")
_CALLOUT = re.compile(r"^((?:\s*>)+\s*)\[!(\w+)\][+-]?[ \t]*(.*)$")
# Kinds of blocks that only arrange what is in them: their name tells a reader nothing.
_LAYOUT = names("tab tabs tab-set code-group details html define grid grid-item col row div")


def in_words(lines: list[str]) -> list[str]:
    """`lines` with every admonition, tab and include as words that CommonMark keeps; code untouched."""
    out: list[str] = []
    fence, at = "", 0
    while at < len(lines):
        line = lines[at]
        at += 1
        mark = _FENCE.match(line)
        if fence:
            out.append(line)
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip("`~ \t"):
                fence = ""
        elif mark:
            fence = mark[1]
            out.append(line)
        elif len(line) > _LONGEST_DIRECTIVE:
            out.append(line)
        elif _GENERATED.match(line):
            out.append("")
        elif found := (_SLASHES.match(line) or _COLONS.match(line)):
            if found.re is _SLASHES:
                opening = label(found[1], found[2])
                # A block's options stand indented right below it.
                while found[1] and at < len(lines) and re.match(r"    [\w-]+: ", lines[at]):
                    at += 1
            else:
                opening = found[1] or label(found[2], found[3] or found[4])
            out.extend(["", opening] if opening else [""])
            at = next_text(lines, at) if opening else at
        elif found := (_BANGS.match(line) or _TAB.match(line)):
            end = block_end(lines, at, len(found[1]) + 4)
            inner = in_words([row[4:] for row in lines[next_text(lines, at) : end]])
            opening = label("tab", found[2]) if found.re is _TAB else label(found[2], found[3])
            out.extend(["", found[1] + opening, *inner, ""])
            at = end
        elif found := _CALLOUT.match(line):
            out.append(found[1] + label(found[2].lower(), found[3]))
        else:
            out.append(line)
    return out


def label(kind: str | None, title: str | None) -> str:
    """How a block opens in words: ``Note: its title``, or only what there is of both."""
    kind = "" if not kind or kind in _LAYOUT else kind.replace("-", " ").capitalize()
    return f"{kind}: {title}" if kind and title else f"{kind or title}:" if kind or title else ""
