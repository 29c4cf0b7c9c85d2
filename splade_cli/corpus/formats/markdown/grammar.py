"""Markdown grammar: CommonMark with tables, footnotes, and the blocks of documentation generators.

MkDocs and its kin (Docusaurus, VitePress, MyST, Jekyll, GitHub) each add blocks for notes, tabs and includes.
Most are known to mdit-py-plugins; the rest are rules of a few lines here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.pieces import pieces
from splade_cli.corpus.formats.prose import names

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.ruler import RuleOptionsType
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.tree import SyntaxTreeNode

# Lines that a site generator replaces by something that is not in this file: includes, macros, tables of
# contents; and the end of a block whose beginning is not known.
_GENERATED = re.compile(
    r"\s*(?:\{\{?[%<*].*[%>*]\}\}?|\{:.*\}|\{\s*[.#][^{}]*\}|-+8<-+.*|\{!.*!\}|(?i:\[\[?_?toc_?\]?\])|/{3,}|:{3,})\s*\Z"
)
# At what the inline parser stops to try each of its rules, whether one begins with it or not; parentheses end
# a link.
_MARK = re.compile(r"[\[\]()!#*_`<>&~\\$%+\-:=@^{}]")
# No directive is longer, and the patterns for them take quadratic time.
_LONGEST_DIRECTIVE = 500
_SLASHES = re.compile(r"\s*(?P<kind>[\w-]+)\s*(?:\|\s*(?P<title>.*?))?\s*\Z")
_COLONS = re.compile(r"\s*\{?(?P<kind>[\w-]+)\}?(?:[ \t]*\[(?P<short>.*)\]|[ \t]+(?P<title>.*?))?\s*\Z")
_ADMONITION = re.compile(r"(?:!!!|\?\?\?\+?)[ \t]+(?P<kind>[\w-]+)[\w \t-]*(?:\"(?P<title>.*)\")?\s*\Z")
_TAB = re.compile(r"===[+!]?[ \t]+\"(?P<title>.*)\"\s*\Z")
_OPENS_ANYWHERE: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list", "footnote_def"]}

# Kinds of blocks that only arrange what is in them: their name tells a reader nothing.
_ARRANGING = names("tab tabs tab-set code-group details html define grid grid-item col row div")


@cache
def grammar(*, indented_code: bool = True) -> MarkdownIt:
    """The parser, with or without blocks of code that only their indentation marks.

    Its own blocks are `container_slashes`, `container_colons`, `admonition` and `tab`.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.admon import admon_plugin
    from mdit_py_plugins.container import container_plugin
    from mdit_py_plugins.deflist import deflist_plugin
    from mdit_py_plugins.footnote import footnote_plugin

    # The preset's nesting limit of 20 drops the text below it.
    markdown = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    if not indented_code:
        markdown.disable("code")
    markdown.use(container_plugin, "slashes", "/", validate=_opens_slashes)
    markdown.use(container_plugin, "colons", ":", validate=_opens_colons)
    markdown.use(admon_plugin)
    markdown.use(deflist_plugin)
    # Footnotes stay where they are defined: moved to the end, those that nothing refers to would be dropped.
    markdown.use(footnote_plugin, inline=False).disable(["footnote_tail", "footnote_ref"])
    markdown.core.ruler.at("inline", _inline)
    markdown.block.ruler.before("fence", "tab", _tab, _OPENS_ANYWHERE)
    markdown.block.ruler.before("fence", "generated", _generated, _OPENS_ANYWHERE)
    return markdown


@cache
def _inline_grammar() -> MarkdownIt:
    """Inline elements hold each other a few levels deep; each unclosed bracket costs a look into all."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("strikethrough")


def _inline(state: StateCore) -> None:
    """A rule for what stands within blocks: long ones in pieces, see `pieces`."""
    from markdown_it.token import Token

    markdown = _inline_grammar()
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = token.children or []
        for piece in pieces(token.content, _MARK):
            if piece.is_markup:
                markdown.inline.parse(piece.text, markdown, state.env, token.children)
            else:
                token.children.append(Token("text", "", 0, content=piece.text))


def label(kind: str | None, title: str | None) -> str:
    """How a block opens in words: ``Note: its title``, or only what there is of both."""
    words = []
    if kind and kind not in _ARRANGING:
        words.append(kind.replace("-", " ").capitalize())
    if title:
        words.append(title)
    if len(words) == 1:
        return f"{words[0]}:"
    return ": ".join(words)


def label_of(node: SyntaxTreeNode) -> str:
    """The label of a block of ours; of what only looks like an admonition its line as it is."""
    if node.type == "tab":
        return label("tab", node.info)
    if node.type == "admonition":
        pattern = _ADMONITION
        line = f"{node.markup}{node.info}"
    else:
        pattern = _SLASHES if node.type == "container_slashes" else _COLONS
        line = node.info
    if len(line) > _LONGEST_DIRECTIVE:
        return line
    opening = pattern.match(line)
    if opening is None:
        return line
    parts = opening.groupdict()
    return label(parts["kind"], parts["title"] or parts.get("short"))


def without_generated_lines(text: str) -> str:
    """`text` with an empty line for each that a site generator replaces."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _is_generated(line):
            lines[number] = ""
    return "\n".join(lines)


def _is_generated(line: str) -> bool:
    return len(line) <= _LONGEST_DIRECTIVE and _GENERATED.match(line) is not None


def _opens_slashes(info: str, markup: str) -> bool:
    return len(info) <= _LONGEST_DIRECTIVE and _SLASHES.match(info) is not None


def _opens_colons(info: str, markup: str) -> bool:
    return len(info) <= _LONGEST_DIRECTIVE and _COLONS.match(info) is not None


def _generated(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A rule for a line that stands for something in another file: it leaves nothing."""
    if state.is_code_block(start) or not _is_generated(_line(state, start)):
        return False
    if not silent:
        state.line = start + 1
    return True


def _tab(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A rule for ``=== "Title"`` with an indented block below it."""
    line = _line(state, start)
    if state.is_code_block(start) or len(line) > _LONGEST_DIRECTIVE:
        return False
    opening = _TAB.match(line)
    if opening is None:
        return False
    if silent:
        return True
    indent = state.blkIndent + 4
    stop = start + 1
    for number in range(start + 1, end):
        if state.isEmpty(number):
            continue
        if state.sCount[number] < indent:
            break
        stop = number + 1
    token = state.push("tab_open", "div", 1)
    token.info = opening["title"]
    token.map = [start, stop]
    outer_indent = state.blkIndent
    outer_end = state.lineMax
    state.blkIndent = indent
    state.lineMax = stop
    state.md.block.tokenize(state, start + 1, stop)
    state.blkIndent = outer_indent
    state.lineMax = outer_end
    state.line = stop
    state.push("tab_close", "div", -1)
    return True


def _line(state: StateBlock, number: int) -> str:
    """One line without its indentation."""
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
