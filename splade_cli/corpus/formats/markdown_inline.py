"""Inline elements of Markdown: words, code spans, links and emphasis as the text of one block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.webpage import words_of_tag

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

ATTRIBUTES = re.compile(r"\{:?\s*(?:[.#][\w-]|[\w-]+=)[^{}]*\}")
"""Attributes of an element, as kramdown and Pandoc write them: ``{.class #id key=value}``."""
_LEADING_ATTRIBUTES = re.compile(r"\A" + ATTRIBUTES.pattern)


def one_line(node: SyntaxTreeNode) -> str:
    """What stands within a block, in one line."""
    return " ".join("".join(map(inline_text, node.children)).split())


def inline_text(node: SyntaxTreeNode) -> str:
    """The text of one inline element, without its marks."""
    kind = node.type
    if kind in ("text", "code_inline", "text_special"):
        before = node.previous_sibling
        if kind == "text" and before is not None and before.type in ("link", "image"):
            return _LEADING_ATTRIBUTES.sub("", node.content)
        return node.content
    if kind in ("softbreak", "hardbreak"):
        return "\n"
    if kind == "html_inline":
        return words_of_tag(node.content)
    words = "".join(map(inline_text, node.children))
    if kind in ("em", "strong") and not _is_emphasis(node, words):
        return f"{node.markup}{words}{node.markup}"
    return words


def _text_of(node: SyntaxTreeNode | None) -> str:
    return "" if node is None else node.content


def _is_emphasis(node: SyntaxTreeNode, words: str) -> bool:
    """Whether it is, whatever the grammar says: not in sha*sum and mk*temp, __init__.py, obj.__dict__."""
    letter_before = _text_of(node.previous_sibling)[-1:]
    text_after = _text_of(node.next_sibling)
    if node.markup[0] == "*":
        return not (re.match(r"\w", letter_before) and re.match(r"\w", words))
    is_name = node.markup == "__" and re.fullmatch(r"\w+", words)
    return not (is_name and (letter_before == "." or re.match(r"\.\w|\(", text_after)))
