"""Markdown: plain text with ``#`` headings, the title and the front matter of a file.

The grammar is in `grammar`, what stands within a line in `inline`; the HTML within a text is left to `html`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.html.page import words_of
from splade_cli.corpus.formats.markdown.front_matter import split_front_matter
from splade_cli.corpus.formats.markdown.grammar import grammar, label, label_of, without_generated_lines
from splade_cli.corpus.formats.markdown.includes import included_files
from splade_cli.corpus.formats.markdown.inline import ATTRIBUTES, inline_text, one_line
from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder
from splade_cli.corpus.formats.prose import Prose, fenced, indented, not_followed, squeezed

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_HEADING_ATTRIBUTES = re.compile(r"\s*" + ATTRIBUTES.pattern + r"\s*\Z")
_SHELLS = ("", "console", "bash", "sh", "shell", "terminal", "text")
_TERMINAL_COLOURS = re.compile(r"</?(?:font|span|u|b|i)\b[^>]*>")
_DIRECTIVE = re.compile(r"\{([\w-]+)\}\s*(.*)")
_LANGUAGE = re.compile(r"\{?\s*\.?([\w+#-]+)(?!\s*=|[\w+#-])")
# mkdocstrings writes the name of a class or function behind colons.
_IDENTIFIER = re.compile(r"(?m)^:{3,}[ \t]+(?=\w+(?:\.\w+)+$)")
_CALLOUT = re.compile(r"\[!(\w+)\][+-]?[ \t]*(.*)")
_OPTIONS = re.compile(r"(?:[\w-]+: .*\n?)+\Z")
_BRIEF = 200


def read_markdown(source: str, *, indented_code: bool = True) -> Prose:
    """Text, title and front matter of a file, with the blocks of MkDocs and its kin understood.

    `indented_code`: whether what stands four blanks in is code, as in all dialects but MDX.
    """
    front, body = split_front_matter(source)
    title = str(front.pop("title", None) or "").strip()
    if is_ladder(body):
        return Prose(squeezed(body), title, front, LADDER_REMARK)
    text, first_heading = _body(body, indented_code=indented_code)
    return Prose(text, title or first_heading, front, not_followed(included_files(body)))


def _body(source: str, *, indented_code: bool = True) -> tuple[str, str]:
    """Text, and the first heading that can be its title."""
    from markdown_it.tree import SyntaxTreeNode

    # the container plugin reads beyond the end of a source that ends in an empty quoted line
    nodes = SyntaxTreeNode(grammar(indented_code=indented_code).parse(source + "\n")).children
    lines = source.split("\n")
    highest = 1
    if nodes and nodes[0].type == "heading":
        highest = _level(nodes[0])
    blocks = []
    title = ""
    for run in _adjacent(nodes):
        if any(node.type == "heading" and _level(node) < highest for node in run):
            # Below a text that opens with ##, a # is a root prompt: the pages lost their code blocks.
            start = (run[0].map or (0, 0))[0]
            end = (run[-1].map or (0, 0))[1]
            blocks.append(fenced("\n".join(lines[start:end])))
            continue
        for node in run:
            block = _block(node)
            blocks.append(block)
            if not title and node.type in ("heading", "html_block"):
                title = _title_in(block, at_top=node is nodes[0])
    return squeezed("\n\n".join(block for block in blocks if block.strip())), title


def _title_in(block: str, *, at_top: bool) -> str:
    """The words of a main heading; at the top of a text a heading of any level is one."""
    match = re.search(r"^#+ (.+)" if at_top else r"^# (.+)", block, re.MULTILINE)
    return match[1] if match else ""


def _adjacent(nodes: list[SyntaxTreeNode]) -> Iterator[list[SyntaxTreeNode]]:
    """Runs of blocks that no blank line parts."""
    run: list[SyntaxTreeNode] = []
    for node in nodes:
        if run and (run[-1].map is None or node.map is None or run[-1].map[1] != node.map[0]):
            yield run
            run = []
        run.append(node)
    if run:
        yield run


def _level(node: SyntaxTreeNode) -> int:
    return int(node.tag[1])


def _block(node: SyntaxTreeNode) -> str:
    kind = node.type
    if kind == "heading":
        return _heading(node)
    if kind == "fence":
        return _code(node)
    if kind == "code_block":
        return fenced(node.content)
    if kind == "html_block":
        return words_of(without_generated_lines(node.content))
    if kind in ("bullet_list", "ordered_list"):
        return _list(node)
    if kind == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join(" | ".join(map(one_line, row.children)) for row in rows)
    if kind in ("paragraph", "inline"):
        return _paragraph(node)
    if kind == "blockquote":
        return _quote(node)
    if kind in ("container_slashes", "container_colons", "admonition", "tab"):
        return _labelled(_with_inline_markup(label_of(node)), _content(node))
    if kind == "footnote_reference":
        return f"[^{node.meta['label']}]: {_blocks(node.children)}"
    if kind == "dl":
        return "\n".join(map(_block, node.children))
    if kind == "dd":
        return f": {indented(_blocks(node.children), 2).lstrip(' ')}"
    return _blocks(node.children)


def _heading(node: SyntaxTreeNode) -> str:
    words = _HEADING_ATTRIBUTES.sub("", one_line(node))
    if not words:
        return ""
    return f"{'#' * _level(node)} {words}"


def _blocks(nodes: Iterable[SyntaxTreeNode]) -> str:
    return "\n\n".join(filter(None, map(_block, nodes)))


def _paragraph(node: SyntaxTreeNode) -> str:
    text = inline_text(node)
    text = "\n".join(line.strip() for line in text.split("\n")).strip()
    text = _IDENTIFIER.sub("", text)
    # A line that only looks like a heading or a fence (it was escaped) must not become one.
    return re.sub(r"(?m)^(?=#{1,6}\s|```|~~~)", r"\\", text)


def _quote(node: SyntaxTreeNode) -> str:
    """A quotation, or a callout: ``> [!NOTE] Title``."""
    text = _blocks(node.children)
    first_line, line_end, rest = text.partition("\n")
    callout = _CALLOUT.fullmatch(first_line)
    if callout is None:
        return text
    return f"{label(callout[1].lower(), callout[2])}{line_end}{rest}"


def _content(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """What stands in a block below its title and its options."""
    children = [child for child in node.children if child.type != "admonition_title"]
    if node.type == "container_slashes" and children and children[0].type == "code_block":
        # A block's options stand indented right below its first line.
        options = children[0]
        if node.map and options.map and options.map[0] == node.map[0] + 1 and _OPTIONS.match(options.content):
            return children[1:]
    return children


def _labelled(opening: str, content: list[SyntaxTreeNode]) -> str:
    """The blocks below their label: a paragraph in the next line, all else behind an empty one."""
    text = _blocks(content)
    if not opening or not text:
        return opening or text
    if content[0].type == "paragraph":
        return f"{opening}\n{text}"
    return f"{opening}\n\n{text}"


def _with_inline_markup(text: str) -> str:
    from markdown_it.tree import SyntaxTreeNode

    if not text:
        return ""
    return one_line(SyntaxTreeNode(grammar().parseInline(text)).children[0])


def _code(node: SyntaxTreeNode) -> str:
    content = node.content
    directive = _DIRECTIVE.match(node.info)
    if directive:
        name = directive[1]
        if name in ("include", "literalinclude"):
            return ""
        if name.startswith("code"):
            return fenced(content, directive[2])
        text, _ = _body(content)
        return "\n\n".join(filter(None, [label(name, directive[2]), text]))
    if node.info.split(" ")[0].lower() in _SHELLS and re.search(r"<(?:font|span|u) \w+=", content):
        content = html.unescape(_TERMINAL_COLOURS.sub("", content))
    language = _LANGUAGE.match(node.info)
    return fenced(content, language[1] if language else "")


def _list(node: SyntaxTreeNode) -> str:
    gap = "\n" if _is_tight(node) else "\n\n"
    number = int(node.attrs.get("start", 1))
    items = []
    for item in node.children:
        mark = f"{number}. " if node.type == "ordered_list" else "- "
        number += 1
        body = gap.join(filter(None, map(_block, item.children)))
        if body:
            items.append(mark + indented(body, len(mark)).lstrip(" "))
    return gap.join(items)


def _is_tight(node: SyntaxTreeNode) -> bool:
    """Whether the items of a list stand close: as they were written, or all of them short paragraphs."""
    blocks = [child for item in node.children for child in item.children]
    paragraphs = [block for block in blocks if block.type == "paragraph"]
    if all(paragraph.hidden for paragraph in paragraphs):
        return True
    if not len(blocks) == len(paragraphs) == len(node.children):
        return False
    return all(len(paragraph.children[0].content) < _BRIEF for paragraph in paragraphs)
