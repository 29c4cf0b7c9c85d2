"""A Markdown file comes in, plain text with ``#`` headings, its title and its front matter go out; renders
nothing.

The grammar is markdown-it's. Knows nothing of documentation generators (`admonitions` takes their blocks out
first) and leaves the HTML within a text to `webpage`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from splade_cli.corpus.formats.admonitions import in_words, label
from splade_cli.corpus.formats.prose import Prose, fenced, indented, squeezed
from splade_cli.corpus.formats.webpage import words_of, words_of_tag

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_ATTRIBUTES = re.compile(r"\{:?\s*(?:[.#][\w-]|[\w-]+=)[^{}]*\}")
_HEADING_ATTRIBUTES = re.compile(r"\s*" + _ATTRIBUTES.pattern + r"\s*\Z")
_SHELLS = ("", "console", "bash", "sh", "shell", "terminal", "text")
_TERMINAL_COLOURS = re.compile(r"</?(?:font|span|u|b|i)\b[^>]*>")


def read_markdown(source: str) -> Prose:
    """Text, title and front matter of a Markdown file, with the block syntax of MkDocs and its kin understood."""
    front, body = _front_matter(source)
    text, first_heading = _body(body)
    title = front.pop("title", None)
    return Prose(text, str(title).strip() if title else first_heading, front)


def _front_matter(source: str) -> tuple[dict[str, Any], str]:
    import yaml

    found = _FRONT.match(source)
    if not found:
        return {}, source
    body = source[found.end() :]
    try:
        # An alias lets ten lines of YAML unfold into gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(found[1], Loader=yaml.SafeLoader)):
            return {}, f"{fenced(found[1], 'yaml')}\n\n{body}"
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, f"{fenced(found[1], 'yaml')}\n\n{body}" if re.match(r"[\w-]+:", found[1]) else source
    if front is None:
        return {}, body
    return (
        ({str(key): value for key, value in front.items()}, body) if isinstance(front, dict) else ({}, source)
    )


def _body(source: str) -> tuple[str, str]:
    """Text, and the first heading that can be its title."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    # The preset's nesting limit of 20 drops the text below it.
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    lines = in_words(source.split("\n"))
    nodes = SyntaxTreeNode(parser.parse("\n".join(lines))).children
    floor = _level(nodes[0]) if nodes and nodes[0].type == "heading" else 1
    blocks, title = [], ""
    for run in _adjacent(nodes):
        if any(node.type == "heading" and _level(node) < floor for node in run):
            # A text that opens with ## and has a # further down was made from pages that lost their code blocks:
            # the # is a root prompt or a comment.
            start, end = (run[0].map or (0, 0))[0], (run[-1].map or (0, 0))[1]
            blocks.append(fenced("\n".join(lines[start:end])))
            continue
        for node in run:
            blocks.append(_block(node))
            if not title and node.type in ("heading", "html_block"):
                found = re.search(r"^#+ (.+)" if node is nodes[0] else r"^# (.+)", blocks[-1], re.MULTILINE)
                title = found[1] if found else ""
    return squeezed("\n\n".join(block for block in blocks if block.strip())), title


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


def _one_line(node: SyntaxTreeNode) -> str:
    return " ".join("".join(map(_inline, node.children)).split())


def _block(node: SyntaxTreeNode) -> str:
    kind = node.type
    if kind == "heading":
        words = _HEADING_ATTRIBUTES.sub("", _one_line(node))
        return f"{'#' * _level(node)} {words}" if words else ""
    if kind == "fence":
        return _code(node)
    if kind == "code_block":
        return fenced(node.content)
    if kind == "html_block":
        return words_of(node.content)
    if kind in ("bullet_list", "ordered_list"):
        return _list(node)
    if kind == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join(" | ".join(map(_one_line, row.children)) for row in rows)
    if kind in ("paragraph", "inline"):
        # A line that only looks like a heading or a fence (it was escaped) must not become one.
        words = "\n".join(line.strip() for line in "".join(map(_inline, node.children)).split("\n"))
        return re.sub(r"(?m)^(?=#{1,6}\s|```|~~~)", r"\\", words.strip())
    return "\n\n".join(filter(None, map(_block, node.children)))


def _code(node: SyntaxTreeNode) -> str:
    content = node.content
    if found := re.match(r"\{([\w-]+)\}\s*(.*)", node.info):
        if found[1].startswith("code"):
            return fenced(content, found[2])
        text = _body(content)[0]
        return "\n\n".join(filter(None, [label(found[1], found[2]), text]))
    if node.info.split(" ")[0].lower() in _SHELLS and re.search(r"<(?:font|span|u) \w+=", content):
        content = html.unescape(_TERMINAL_COLOURS.sub("", content))
    language = re.match(r"\{?\s*\.?([\w+#-]+)(?!\s*=|[\w+#-])", node.info)
    return fenced(content, language[1] if language else "")


def _list(node: SyntaxTreeNode) -> str:
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    paragraphs = [child for item in node.children for child in item.children if child.type == "paragraph"]
    brief = len(paragraphs) == sum(len(item.children) for item in node.children) == len(node.children)
    brief = brief and all(len(child.children[0].content) < 200 for child in paragraphs)
    gap = "\n" if brief or all(child.hidden for child in paragraphs) else "\n\n"
    items = []
    for item in node.children:
        mark = "- " if number is None else f"{number}. "
        number = None if number is None else number + 1
        body = gap.join(filter(None, map(_block, item.children)))
        if body:
            items.append(mark + indented(body, len(mark)).lstrip(" "))
    return gap.join(items)


def _inline(node: SyntaxTreeNode) -> str:
    kind = node.type
    if kind in ("text", "code_inline", "text_special"):
        before = node.previous_sibling
        if kind == "text" and before is not None and before.type in ("link", "image"):
            found = _ATTRIBUTES.match(node.content)
            return node.content[found.end() :] if found else node.content
        return node.content
    if kind in ("softbreak", "hardbreak"):
        return "\n"
    if kind == "html_inline":
        return words_of_tag(node.content)
    words = "".join(map(_inline, node.children))
    if kind in ("em", "strong"):
        before, after = node.previous_sibling, node.next_sibling
        ahead = before.content[-1:] if before is not None else ""
        behind = after.content if after is not None else ""
        # Not emphasis, whatever the grammar says: sha*sum and mk*temp, __init__.py, obj.__dict__
        glob = node.markup[0] == "*" and re.match(r"\w", ahead) and re.match(r"\w", words)
        name = (
            node.markup == "__"
            and re.fullmatch(r"\w+", words)
            and (ahead == "." or re.match(r"\.\w|\(", behind))
        )
        return f"{node.markup}{words}{node.markup}" if glob or name else words
    return words
