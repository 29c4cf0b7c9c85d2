"""One file's markup comes in, plain text with ``#`` headings goes out; knows nothing of folders, ids or rows.

Each reader keeps what a person would read (headings, paragraphs, lists, code, table rows) and drops what a browser
would not show. Code stays in ``` fences, so that whoever cuts the text can tell code from prose.
"""

from __future__ import annotations

import html
import io
import logging
import re
import textwrap
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


class Unreadable(Exception):
    """Why a file has no text for us; the walk over the folder turns it into a line of its report."""


@dataclass(frozen=True)
class Prose:
    """One file's text. `title` is empty where the file names none."""

    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------- shared


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")


def _squeeze(text: str) -> str:
    """No blanks at line ends, never more than one empty line."""
    # Line by line: a regex for blanks before a newline takes quadratic time on a megabyte of blanks.
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _fenced(code: str, language: str = "") -> str:
    code = code.strip("\n")
    ticks = "`" * max(3, max(map(len, re.findall("`+", code)), default=0) + 1)
    return f"{ticks}{language}\n{code}\n{ticks}"


def _indented(text: str, width: int) -> str:
    return textwrap.indent(text, " " * width)


def _block_after(lines: list[str], start: int, indent: int) -> int:
    """Where the block ends that starts at `start` and is indented by at least `indent`; blank lines belong to it."""
    end = last = start
    while end < len(lines):
        if lines[end].strip():
            if len(lines[end]) - len(lines[end].lstrip()) < indent:
                break
            last = end + 1
        end += 1
    return last


def _next_text(lines: list[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


# ---------------------------------------------------------------- Markdown

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_ATTRIBUTES = re.compile(r"\{:?\s*(?:[.#][\w-]|[\w-]+=)[^{}]*\}")
_HEADING_ATTRIBUTES = re.compile(r"\s*" + _ATTRIBUTES.pattern + r"\s*\Z")
# Lines that a site generator replaces by something that is not in this file: includes, macros, tables of contents.
_GENERATOR_LINE = re.compile(
    r"\s*(?:\{\{?[%<*].*[%>*]\}\}?|\{:.*\}|\{\s*[.#][^{}]*\}|-+8<-+.*|(?i:\[\[?_?toc_?\]?\]))\s*\Z"
)
# No directive is longer, and the patterns for them take quadratic time.
_LONGEST_DIRECTIVE = 500
_SLASHES = re.compile(r" {0,3}/{3,}\s*(?:([\w-]+)\s*(?:\|\s*(.*?))?)?\s*\Z")
_COLONS = re.compile(r" {0,3}:{3,}\s*(?:(\w+(?:\.\w+)+)|\{?([\w-]+)\}?(?:[ \t]*\[(.*)\]|[ \t]+(.*?))?)?\s*\Z")
_BANGS = re.compile(r"( *)(?:!!!|\?\?\?\+?)[ \t]+([\w-]+)[\w \t-]*(?:\"(.*)\")?\s*\Z")
_TAB = re.compile(r"( *)===[+!]?[ \t]+\"(.*)\"\s*\Z")
_CALLOUT = re.compile(r"^((?:\s*>)+\s*)\[!(\w+)\][+-]?[ \t]*(.*)$")
_SHELLS = ("", "console", "bash", "sh", "shell", "terminal", "text")
_TERMINAL_COLOURS = re.compile(r"</?(?:font|span|u|b|i)\b[^>]*>")
_LAYOUT_KINDS = _names("tab tabs tab-set code-group details html define grid grid-item col row div")


def markdown(source: str) -> Prose:
    """Text, title and front matter of a Markdown file, with the block syntax of MkDocs and its kin understood."""
    front, body = _front_matter(source)
    text, first_heading = _markdown_body(body)
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
            return {}, f"{_fenced(found[1], 'yaml')}\n\n{body}"
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, f"{_fenced(found[1], 'yaml')}\n\n{body}" if re.match(r"[\w-]+:", found[1]) else source
    if front is None:
        return {}, body
    return ({str(key): value for key, value in front.items()}, body) if isinstance(front, dict) else ({}, source)


def _markdown_body(source: str, generated: bool = False) -> tuple[str, str]:
    """Text and title; `generated` Markdown was made from a web page, and has nothing of documentation generators."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    # The preset's nesting limit of 20 drops the text below it.
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    lines = source.split("\n") if generated else _generator_blocks(source.split("\n"))
    nodes = SyntaxTreeNode(parser.parse("\n".join(lines))).children
    floor = _level(nodes[0]) if nodes and nodes[0].type == "heading" and not generated else 1
    blocks, title = [], ""
    for run in _adjacent(nodes):
        if any(node.type == "heading" and _level(node) < floor for node in run):
            # A text that opens with ## and has a # further down was made from pages that lost their code blocks:
            # the # is a root prompt or a comment.
            start, end = (run[0].map or (0, 0))[0], (run[-1].map or (0, 0))[1]
            blocks.append(_fenced("\n".join(lines[start:end])))
            continue
        for node in run:
            blocks.append(_block(node))
            if not title and node.type in ("heading", "html_block"):
                found = re.search(r"^#+ (.+)" if node is nodes[0] else r"^# (.+)", blocks[-1], re.MULTILINE)
                title = found[1] if found else ""
    return _squeeze("\n\n".join(block for block in blocks if block.strip())), title


def _generator_blocks(lines: list[str]) -> list[str]:
    """Admonitions, tabs and includes of documentation generators as words that CommonMark keeps; code untouched."""
    out: list[str] = []
    fence, at = "", 0

    def opened(label: str, prefix: str = "") -> None:
        nonlocal at
        if label:
            out.extend(["", prefix + label])
            at = _next_text(lines, at)
        else:
            out.append("")

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
        elif _GENERATOR_LINE.match(line):
            out.append("")
        elif found := _SLASHES.match(line):
            while found[1] and at < len(lines) and re.match(r"    [\w-]+: ", lines[at]):
                at += 1
            opened(_label(found[1], found[2]))
        elif found := _COLONS.match(line):
            opened(found[1] or _label(found[2], found[3] or found[4]))
        elif found := (_BANGS.match(line) or _TAB.match(line)):
            indent = len(found[1]) + 4
            end = _block_after(lines, at, indent)
            inner = _generator_blocks([row[4:] for row in lines[_next_text(lines, at) : end]])
            label = _label("tab", found[2]) if found.re is _TAB else _label(found[2], found[3])
            out.extend(["", found[1] + label, *inner, ""])
            at = end
        elif found := _CALLOUT.match(line):
            out.append(found[1] + _label(found[2].lower(), found[3]))
        else:
            out.append(line)
    return out


def _label(kind: str | None, title: str | None) -> str:
    kind = "" if not kind or kind in _LAYOUT_KINDS else kind.replace("-", " ").capitalize()
    return f"{kind}: {title}" if kind and title else f"{kind or title}:" if kind or title else ""


def _adjacent(nodes: list[SyntaxTreeNode]) -> Iterable[list[SyntaxTreeNode]]:
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


def _heading_words(node: SyntaxTreeNode) -> str:
    return _HEADING_ATTRIBUTES.sub("", " ".join("".join(map(_inline, node.children)).split()))


def _block(node: SyntaxTreeNode) -> str:
    kind = node.type
    if kind == "heading":
        words = _heading_words(node)
        return f"{'#' * _level(node)} {words}" if words else ""
    if kind == "fence":
        return _code(node)
    if kind == "code_block":
        return _fenced(node.content)
    if kind == "html_block":
        return html_words(node.content)
    if kind in ("bullet_list", "ordered_list"):
        return _list(node)
    if kind == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join(" | ".join(_cell(cell) for cell in row.children) for row in rows)
    if kind in ("paragraph", "inline"):
        # A line that only looks like a heading or a fence (it was escaped) must not become one.
        words = "\n".join(line.strip() for line in "".join(map(_inline, node.children)).split("\n"))
        return re.sub(r"(?m)^(?=#{1,6}\s|```|~~~)", r"\\", words.strip())
    return "\n\n".join(filter(None, map(_block, node.children)))


def _cell(node: SyntaxTreeNode) -> str:
    return " ".join("".join(map(_inline, node.children)).split())


def _code(node: SyntaxTreeNode) -> str:
    content = node.content
    if found := re.match(r"\{([\w-]+)\}\s*(.*)", node.info):
        if found[1].startswith("code"):
            return _fenced(content, found[2])
        text = _markdown_body(content)[0]
        return "\n\n".join(filter(None, [_label(found[1], found[2]), text]))
    if node.info.split(" ")[0].lower() in _SHELLS and re.search(r"<(?:font|span|u) \w+=", content):
        content = html.unescape(_TERMINAL_COLOURS.sub("", content))
    language = re.match(r"\{?\s*\.?([\w+#-]+)(?!\s*=|[\w+#-])", node.info)
    return _fenced(content, language[1] if language else "")


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
            items.append(mark + _indented(body, len(mark)).lstrip(" "))
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
        return _tag(node.content)
    words = "".join(map(_inline, node.children))
    if kind in ("em", "strong"):
        before, after = node.previous_sibling, node.next_sibling
        ahead = before.content[-1:] if before is not None else ""
        behind = after.content if after is not None else ""
        # Not emphasis, whatever the grammar says: sha*sum and mk*temp, __init__.py, obj.__dict__
        glob = node.markup[0] == "*" and re.match(r"\w", ahead) and re.match(r"\w", words)
        name = node.markup == "__" and re.fullmatch(r"\w+", words) and (ahead == "." or re.match(r"\.\w|\(", behind))
        return f"{node.markup}{words}{node.markup}" if glob or name else words
    return words


# ---------------------------------------------------------------- HTML

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = _names(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hr html legend main nav ol p section summary table tbody tfoot thead ul caption"
)
_PHRASES = _names(
    "a abbr acronym area audio b base bdi bdo big br button canvas cite code col colgroup data datalist del dfn em "
    "embed font head i iframe img input ins kbd label link map mark meta meter object optgroup option output param "
    "picture progress q rp rt ruby s samp select slot small source span strike strong sub sup svg path time title "
    "track tt u var video wbr li tr td th pre script style template noscript textarea"
)
# Other names are text: documentation is full of <your-name> and <none>.
_TAGS = _BLOCKS | _PHRASES | frozenset(_HEADINGS)
_SILENT = _names("script style template svg textarea select")
_AROUND = _names("nav footer aside form button dialog iframe noscript")
_AROUND_ROLES = _names("navigation banner contentinfo search complementary")
_VOID = _names("area base br col embed hr img input link meta source track wbr")
_LIST_HEADING = re.compile(r"^- (#{1,6} )")
_TAG_NAME = re.compile(r"</?([a-zA-Z][\w:-]*)")
_BREAK, _GLUE = "\0", "\1"


class _Page(HTMLParser):
    """Collects text as a browser would show it.

    Of a `whole` page it leaves out menus and the like, and where the page says which part is its content, all else.
    """

    def __init__(self, whole: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.whole = whole
        self.dropped = _SILENT | _AROUND if whole else _SILENT
        self.parts: list[str] = []
        self.silent, self.silent_depth = "", 0
        self.main, self.main_depth, self.main_start = "", 0, 0
        self.main_parts: list[str] = []
        self.pre: list[str] | None = None
        self.title, self.in_title = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        role = dict(attrs).get("role") if self.whole else None
        self.main_depth += tag == self.main
        if self.silent:
            self.silent_depth += tag == self.silent
        elif tag in self.dropped or role in _AROUND_ROLES or (tag == "header" and self.whole and not self.main):
            if tag not in _VOID:
                self.silent, self.silent_depth = tag, 1
        elif self.whole and not self.main and (tag in ("main", "article") or role == "main"):
            self.main, self.main_depth, self.main_start = tag, 1, len(self.parts)
        elif tag == "title":
            self.in_title = True
        elif tag in _HEADINGS:
            self.parts.append(f"{_BREAK}{'#' * int(tag[1])} ")
        elif tag == "pre":
            self.pre = []
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")
        elif tag not in _TAGS:
            self.handle_data("" if self.whole else self.get_starttag_text() or "")
        elif self.pre is None:
            self.parts.append({"br": "\n", "li": "\n- ", "tr": "\n", "td": _GLUE, "th": _GLUE}.get(tag, ""))
            self.parts.append(_BREAK if tag in _BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            self.silent_depth -= tag == self.silent
            self.silent = self.silent if self.silent_depth else ""
        elif tag == "title":
            self.in_title = False
        elif tag == "pre" and self.pre is not None:
            self._end_code()
        elif tag in _BLOCKS or tag in _HEADINGS:
            self.parts.append(_BREAK)
        elif tag not in _TAGS and not self.whole:
            self.handle_data(f"</{tag}>")
        self.main_depth -= tag == self.main
        if self.main and not self.main_depth:
            self._end_main()

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if self.in_title:
            self.title += data
        elif self.pre is not None:
            self.pre.append(data)
        else:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _end_code(self) -> None:
        code, self.pre = "".join(self.pre or ()), None
        self.parts.append(f"{_BREAK}{_fenced(code)}{_BREAK}" if code.strip() else "")

    def _end_main(self) -> None:
        self.main_parts += [_BREAK, *self.parts[self.main_start :]]
        self.main = ""

    def text(self) -> str:
        """What was collected, once the source has been fed and closed."""
        if self.pre:
            self._end_code()
        if self.main:
            self._end_main()
        text = "".join(self.main_parts or self.parts)
        text = re.sub(rf"(^|[\n{_BREAK}]) *{_GLUE}", r"\1", text).replace(_GLUE, " | ")
        text = re.sub(rf"(\n- )[ \n]*{_BREAK}[ {_BREAK}]*", r"\1", text)
        text = re.sub(rf"[ \n]*{_BREAK}[ {_BREAK}]*", "\n\n", text)
        in_code, out = False, []
        for line in text.split("\n"):
            in_code ^= line.startswith("```")
            kept = line if in_code else _LIST_HEADING.sub(r"\1", " ".join(line.split()))
            # Not an emptied heading, list item or table row.
            if in_code or kept.strip("#-| ") or not kept:
                out.append(kept)
        return _squeeze("\n".join(out))


def _read_page(source: str, whole: bool) -> _Page:
    page = _Page(whole)
    # Comments go first, since unclosed ones take the parser quadratic time; and it refuses marked sections that it
    # does not know.
    before, *rest = source.split("<!--")
    source = before + "".join(part.partition("-->")[2] for part in rest)
    page.feed(re.sub(rf"[{_BREAK}{_GLUE}]|<!\[(?:(?:if|endif)\b[^>]*>|CDATA\[)?", "", source))
    page.close()
    return page


def html_words(fragment: str) -> str:
    """The text of a piece of HTML inside another format, tags and comments removed."""
    return _read_page(fragment, whole=False).text()


def _tag(content: str) -> str:
    name = _TAG_NAME.match(content)
    if name is None:
        return ""
    tag = name[1].lower()
    if tag == "img":
        return html_words(content)
    if tag in _BLOCKS or tag in ("br", "li", "tr"):
        return "\n"
    return " " if tag in ("td", "th") else "" if tag in _TAGS else content


def page(source: str) -> Prose:
    """Text and title of a web page, without its menus, header and footer."""
    own = _read_page(source, whole=True)
    text = own.text()
    # The extractor knows boilerplate that carries no mark, but loses headings, code and definition lists. So it is
    # asked only where the page does not say which part is its content, and heard only where it leaves much out.
    if not own.main_parts or not text:
        extracted = _extracted(source)
        if not text or 300 <= len(extracted) < 0.66 * len(text):
            text = extracted
    # The links that pages offer to their own headings.
    text = re.sub(r"(?m)^(#{1,6} )§?(.*?)[ \t]*[¶§🔗]?$", r"\1\2", text)
    title = " ".join(own.title.split())
    heading = re.search(r"(?m)^# (.+)", text) or re.search(r"\A#+ (.+)", text)
    if heading and (not title or heading[1].casefold() in title.casefold()):
        title = heading[1]
    return Prose(text, title)


def _extracted(source: str) -> str:
    try:
        import trafilatura
    except ImportError:
        # Its lxml_html_clean is missing from installations made without dependencies.
        return ""
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = trafilatura.extract(
        source, output_format="markdown", favor_recall=True, include_tables=True, include_comments=False
    )
    return _markdown_body(found, generated=True)[0] if found else ""


# ---------------------------------------------------------------- reStructuredText

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*\Z")
_DIRECTIVE = re.compile(r"( *)\.\. (?:\|[^|]+\| )?([\w:+.-]+?)::(?:[ \t]+(.*))?\Z")
_CODE = _names("code code-block sourcecode parsed-literal prompt console highlight-block doctest testcode raw")
_NO_TEXT = _names(
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


def rst(source: str) -> Prose:
    """Text and title of a reStructuredText file: headings by order of appearance, directives unwrapped."""
    levels: dict[tuple[str, bool], int] = {}
    names: list[str] = []
    lines = _rst_lines(source.expandtabs(8).split("\n"), levels, names)
    for name, words in re.findall(r"(?m)^\s*\.\. \|([^|]+)\| replace:: (.+)$", source):
        lines = [line.replace(f"|{name}|", words) for line in lines]
    return Prose(_squeeze("\n".join(lines)), names[0] if names else "")


def _rst_lines(lines: list[str], levels: dict[tuple[str, bool], int], names: list[str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        below = lines[at + 1] if at + 1 < len(lines) else ""
        under = lines[at + 2] if at + 2 < len(lines) else ""
        indent = len(line) - len(line.lstrip())
        over = _ADORNMENT.match(line) and below.strip() and under.rstrip() == line.rstrip()
        if over or (line.strip() and not indent and _underlines(below, line)):
            words = _rst_words((below if over else line).strip())
            level = levels.setdefault((line[0] if over else below[0], bool(over)), len(levels) + 1)
            names.append(words)
            out.extend(["", f"{'#' * min(level, 6)} {words}", ""])
            at += 3 if over else 2
        elif found := _DIRECTIVE.match(line):
            end = _block_after(lines, at + 1, indent + 1)
            out.extend(["", *_directive(found[2].lower(), found[3] or "", lines[at + 1 : end], levels, names), ""])
            at = end
        elif re.match(r" *\.\. \[([^\]]+)\]", line):
            out.append(_rst_words(line.replace(".. ", "", 1)))
            at += 1
        elif re.match(r" *(?:\.\.|__)(?: |\Z)", line):
            at = _block_after(lines, at + 1, indent + 1)
        elif _ADORNMENT.match(line) or re.match(r" *(?:\+[-=+]{2,}|={2,}(?: +={2,})+\s*\Z)", line):
            at += 1
        elif line.rstrip().endswith("::"):
            end = _block_after(lines, at + 1, indent + 1)
            words = _rst_words(line.rstrip()[:-1])
            out.append("" if words.strip() == ":" else words)
            code = textwrap.dedent("\n".join(lines[at + 1 : end]))
            out.extend(["", *_indented(_fenced(code), indent).split("\n"), ""] if code.strip() else [])
            at = max(end, at + 1)
        else:
            at += 1
            row = re.match(r" *\|(.*)\|\s*\Z", line)
            line = " | ".join(part.strip() for part in row[1].split("|")) if row else line
            # A link may go on in the next line.
            while line.count("`") % 2 and line.count("\n") < 4 and at < len(lines) and lines[at].strip():
                line, at = f"{line}\n{lines[at]}", at + 1
            out.append(_rst_words(re.sub(r"^( *)[*+•] ", r"\1- ", line)))
    return out


def _underlines(below: str, title: str) -> bool:
    # One character short is an error that docutils forgives, too.
    long_enough = len(below.rstrip()) + 1 >= len(title.rstrip())
    return long_enough and bool(_ADORNMENT.match(below)) and not _ADORNMENT.match(title)


def _directive(
    name: str, argument: str, body: list[str], levels: dict[tuple[str, bool], int], names: list[str]
) -> list[str]:
    options = 0
    while options < len(body) and re.match(r"\s+:[\w-]+:", body[options]):
        options += 1
    alt = next((found[1] for row in body[:options] if (found := re.match(r"\s+:alt:\s*(.*)", row))), "")
    if name in _CODE:
        return _fenced(textwrap.dedent("\n".join(body[options:])), argument.split(" ")[0]).split("\n")
    if name in _NO_TEXT or name == "replace":
        return [alt]
    inner = _rst_lines(textwrap.dedent("\n".join(body[options:])).split("\n"), levels, names)
    if name == "figure":
        return [alt, "", *inner]
    kind = "" if ":" in name or name in ("figure", "only", "container", "class", "rubric", "centered") else f"{name}: "
    words = kind.replace("-", " ").capitalize() + _rst_words(argument)
    return [words, *inner] if argument else [words.strip(), *inner[_next_text(inner, 0) :]]


def _rst_words(text: str) -> str:
    for pattern, replacement in _ROLES:
        text = pattern.sub(replacement, text)
    return text


# ---------------------------------------------------------------- PDF

_TOOL_TITLE = re.compile(r"(?i)\s*(?:untitled.*|microsoft word\b.*|.*\.(?:docx?|tex|dvi|indd|pdf|qxd|rtf|odt))?\s*\Z")
# What pypdf lets through on damaged files, beside its own errors.
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError, RecursionError)


def pdf(data: bytes) -> Prose:
    """Text of a PDF, pages parted by blank lines and words joined that a line end had hyphenated."""
    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted PDF")
        pages = [page.extract_text() for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except DependencyError:
        raise Unreadable("encrypted PDF") from None
    except (PyPdfError, NotImplementedError, OSError, zlib.error, *_DAMAGE) as error:
        raise Unreadable(f"broken PDF ({error or type(error).__name__})") from None
    text = _squeeze("\n\n".join(page.strip() for page in pages))
    if not text.strip():
        raise Unreadable(f"PDF without extractable text (scanned? {len(pages)} pages)")
    text = re.sub(r"(?<=[^\W\d_])[-\u00ad]\n(?=([^\W\d_]))", lambda found: "" if found[1].islower() else "-\n", text)
    text = re.sub(r"(?:[ \t]?\.){6,}", " ...", text)
    title = "" if not isinstance(title, str) or _TOOL_TITLE.match(title) else title.strip()
    return Prose(text, title, {"pages": len(pages)})


def plain(source: str) -> Prose:
    """A text file as it is."""
    return Prose(source.strip("\n").rstrip())
