"""Inline elements of Markdown: words, code spans, links and emphasis as the text of one block."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.html.page import words_of_tag

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

ATTRIBUTES = re.compile(r"\{:?\s*(?:[.#][\w-]|[\w-]+=)[^{}]*\}")
"""Attributes of an element, as kramdown and Pandoc write them: ``{.class #id key=value}``."""
_LEADING_ATTRIBUTES = re.compile(r"\A" + ATTRIBUTES.pattern)


def one_line(node: SyntaxTreeNode) -> str:
    """What stands within a block, in one line."""
    return " ".join(inline_text(node).split())


def inline_text(node: SyntaxTreeNode) -> str:
    """The text of what stands within a block or an element, without its marks."""
    texts = []
    before = None
    # a node would look for its place among its siblings each time that it is asked for the next one
    for element, after in zip_longest(node.children, node.children[1:]):
        texts.append(_text(element, before, after))
        before = element
    return "".join(texts)


def _text(node: SyntaxTreeNode, before: SyntaxTreeNode | None, after: SyntaxTreeNode | None) -> str:
    """The text of one inline element between two others."""
    kind = node.type
    if kind in ("text", "code_inline", "text_special"):
        if kind == "text" and before is not None and before.type in ("link", "image"):
            return _LEADING_ATTRIBUTES.sub("", node.content)
        return node.content
    if kind in ("softbreak", "hardbreak"):
        return "\n"
    if kind == "html_inline":
        return words_of_tag(node.content)
    words = inline_text(node)
    if kind in ("em", "strong") and not _is_emphasis(node.markup, words, _text_of(before), _text_of(after)):
        return f"{node.markup}{words}{node.markup}"
    return words


def _text_of(node: SyntaxTreeNode | None) -> str:
    return "" if node is None else node.content


def _is_emphasis(markup: str, words: str, before: str, after: str) -> bool:
    """Whether it is, whatever the grammar says: not in sha*sum and mk*temp, __init__.py, obj.__dict__."""
    if markup[0] == "*":
        return not (re.match(r"\w", before[-1:]) and re.match(r"\w", words))
    is_name = markup == "__" and re.fullmatch(r"\w+", words)
    return not (is_name and (before[-1:] == "." or re.match(r"\.\w|\(", after)))
