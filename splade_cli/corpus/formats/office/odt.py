"""OpenDocument text: the headings, paragraphs, lists, tables and notes of LibreOffice's documents."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from splade_cli.corpus.formats.office.archive import content, opened_archive
from splade_cli.corpus.formats.prose import Prose, Unreadable, fenced, names, squeezed
from splade_cli.corpus.formats.xml_tree import parsed_xml

_SILENT = names(
    "tracked-changes annotation sequence-decls variable-decls user-field-decls forms note-citation"
)
_CODE = ("Preformatted", "Source", "Code")
_INDEXES = names("table-of-content alphabetical-index illustration-index table-index user-index bibliography")


def read_odt(data: bytes) -> Prose:
    """Text and title of a document. Raises Unreadable for damage."""
    archive = opened_archive(data, "ODT")
    root = parsed_xml(content(archive, "content.xml", "ODT"))
    text = root.find("body/text")
    if text is None:
        raise Unreadable("no text document in it")
    parents = {}
    for style in root.iterfind("automatic-styles/style"):
        parents[style.get("name", "")] = style.get("parent-style-name", "")
    reader = _Reader(parents)
    blocks = list(reader.blocks(text, 0))
    title = ""
    if "meta.xml" in archive.namelist():
        named = parsed_xml(content(archive, "meta.xml", "ODT")).find("meta/title")
        title = (named.text or "") if named is not None else ""
    return Prose(squeezed("\n\n".join(blocks)), title or reader.title)


class _Reader:
    """A document's automatic styles by those that they stand for, and what was found of its title."""

    def __init__(self, parents: dict[str, str]) -> None:
        self._parents = parents
        self.title = ""

    def blocks(self, parent: Element, depth: int) -> Iterator[str]:
        """The blocks within an element, lists `depth` levels deep."""
        code: list[str] = []
        for child in parent:
            is_code = child.tag == "p" and self._style(child).startswith(_CODE)
            if code and not is_code:
                yield fenced("\n".join(code))
                code = []
            if is_code:
                code.append(_words(child))
            else:
                yield from self._block(child, depth)
        if code:
            yield fenced("\n".join(code))

    def _block(self, node: Element, depth: int) -> Iterator[str]:
        if node.tag in _SILENT or node.tag in _INDEXES:
            return
        if node.tag in ("h", "p"):
            yield from self._paragraph(node)
        elif node.tag == "list":
            items = "\n".join(self._items(node, depth))
            if items:
                yield items
        elif node.tag == "table":
            yield "\n".join(_rows(node))
        else:
            yield from self.blocks(node, depth)

    def _paragraph(self, node: Element) -> Iterator[str]:
        words = " ".join(_words(node).split(" ")).strip()
        style = self._style(node)
        level = 1 if style == "Title" else 0
        if node.tag == "h":
            given = node.get("outline-level", "1")
            level = min(int(given), 6) if given.isdigit() else 1
        if level and words:
            self.title = self.title or words
            yield f"{'#' * max(level, 1)} {' '.join(words.split())}"
        elif words:
            yield words
        for note in node.iter("note-body"):
            yield f"[^]: {' '.join(_words(note).split())}"
        for box in node.iter("text-box"):
            yield from self.blocks(box, 0)

    def _style(self, node: Element) -> str:
        name = node.get("style-name", "")
        return self._parents.get(name) or name

    def _items(self, node: Element, depth: int) -> Iterator[str]:
        for item in node:
            mark = "- "
            for child in item:
                if child.tag == "list":
                    yield from self._items(child, depth + 1)
                elif words := " ".join(_words(child).split()):
                    yield f"{'  ' * depth}{mark}{words}"
                    mark = "  "


def _rows(table: Element) -> Iterator[str]:
    for row in table.iter("table-row"):
        cells = [" ".join(_words(cell).split()) for cell in row if cell.tag == "table-cell"]
        if any(cells):
            yield " | ".join(cells)


def _words(node: Element) -> str:
    """The words of a paragraph, without its notes and text boxes; blocks within it are parted by blanks."""
    parts = [node.text or ""]
    for child in node:
        if child.tag == "s":
            count = child.get("c", "1")
            parts.append(" " * (min(int(count), 200) if count.isdigit() else 1))
        elif child.tag in ("tab", "line-break"):
            parts.append("\t" if child.tag == "tab" else "\n")
        elif child.tag not in _SILENT and child.tag not in ("note", "text-box"):
            words = _words(child)
            parts.append(f"{words} " if child.tag in ("p", "h", "list-item") else words)
        elif child.tag == "note":
            parts.append("[^]")
        parts.append(child.tail or "")
    return "".join(parts)
