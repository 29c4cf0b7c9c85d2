"""Word: the paragraphs, lists, tables, notes and text boxes of a document, in their order.

python-docx opens the package and knows the styles; the paragraphs are taken from its tree, since changes that
are tracked, content controls and text boxes are not in its list of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from splade_cli.corpus.formats.office.archive import opened_archive, refuse_entities
from splade_cli.corpus.formats.office.extra import needs
from splade_cli.corpus.formats.prose import Prose, Unreadable, fenced, names, squeezed

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_CODE_STYLES = names("code source preformatted listing verbatim macro")
_NOTES = ("footnotes", "endnotes")
_MOST_LEVELS = 6
_MARKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
Block = tuple[str, str]
"""What a block is (``code``, ``item`` or another word), and its text."""


def read_docx(data: bytes) -> Prose:
    """Text and title of a document. Raises Unreadable for damage, and without python-docx."""
    try:
        import docx
    except ImportError:
        raise needs("python-docx") from None
    refuse_entities(opened_archive(data, "DOCX"), "DOCX")
    try:
        document = docx.Document(io.BytesIO(data))
    except (KeyError, ValueError, docx.opc.exceptions.OpcError) as error:
        raise Unreadable(f"broken DOCX ({error})") from None
    reader = _Reader(document)
    blocks = list(reader.blocks(document.element.body))
    for kind in _NOTES:
        blocks += reader.notes(kind)
    properties = document.core_properties
    metadata = {"author": properties.author} if properties.author else {}
    return Prose(_laid_out(blocks), properties.title or reader.title, metadata)


def _laid_out(blocks: list[Block]) -> str:
    """Blocks parted by empty lines, items of lists and lines of code close to each other."""
    text: list[str] = []
    code: list[str] = []
    before = ""
    for kind, words in [*blocks, ("end", "")]:
        if code and kind != "code":
            text.append("\n\n" + fenced("\n".join(code)))
            code = []
        if kind == "code":
            code.append(words)
        elif words.strip():
            text.append(("\n" if kind == before == "item" else "\n\n") + words)
        before = kind
    return squeezed("".join(text))


class _Reader:
    """The styles of a document, by which its paragraphs are told apart."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._styles = {style.style_id: style for style in document.styles}
        self.title = ""

    def blocks(self, parent: Any) -> Iterator[Block]:
        """The paragraphs and tables within an element, those in its content controls among them."""
        for child in parent:
            if child.tag == f"{_W}p":
                yield from self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                yield "table", "\n".join(self._rows(child))
            elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}smartTag"):
                yield from self.blocks(child)

    def notes(self, kind: str) -> Iterator[Block]:
        """Footnotes or endnotes, behind the text."""
        for relation in self._document.part.rels.values():
            if relation.is_external or not relation.reltype.endswith(f"/{kind}"):
                continue
            from docx.oxml.parser import parse_xml

            for note in parse_xml(relation.target_part.blob):
                if note.get(f"{_W}type") is None:
                    words = " ".join(text for _, text in self.blocks(note))
                    yield "item", f"[^{note.get(f'{_W}id')}]: {words.strip()}"

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        words = _text(paragraph).strip("\n")
        style = self._style_names(paragraph)
        level = self._heading_level(paragraph, style)
        if any(set(name.replace("_", " ").split()) & _CODE_STYLES for name in style):
            yield "code", words
        elif level and words.strip():
            words = " ".join(words.split())
            self.title = self.title or words
            yield "heading", f"{'#' * level} {words}"
        elif self._is_item(paragraph, style):
            yield "item", f"{'  ' * _depth(paragraph)}- {words.strip()}" if words.strip() else ""
        else:
            yield "paragraph", words.strip()
        for box in _text_boxes(paragraph):
            yield from self.blocks(box)

    def _style_names(self, paragraph: Any) -> list[str]:
        """The names of the style of a paragraph and of those that it is based on, in small letters."""
        given = paragraph.find(f"{_W}pPr/{_W}pStyle")
        style = self._styles.get(given.get(f"{_W}val")) if given is not None else None
        found: list[str] = []
        while style is not None and len(found) < 10:
            found.append((style.name or "").lower())
            style = getattr(style, "base_style", None)
        return found

    def _heading_level(self, paragraph: Any, style: list[str]) -> int:
        """1 to 6, or 0 of what is no heading; the title of a document is one above its sections."""
        outline = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
        if outline is not None and (outline.get(f"{_W}val") or "9") in "012345678":
            return min(int(outline.get(f"{_W}val")) + 1, _MOST_LEVELS)
        for name in style:
            if name == "title":
                return 1
            kind, _, number = name.partition(" ")
            if (
                kind in ("heading", "überschrift", "titre", "título", "rubrik", "overskrift")
                and number.isdigit()
            ):
                return min(max(int(number), 1), _MOST_LEVELS)
        return 0

    def _is_item(self, paragraph: Any, style: list[str]) -> bool:
        number = paragraph.find(f"{_W}pPr/{_W}numPr/{_W}numId")
        if number is not None:
            return bool(number.get(f"{_W}val") != "0")
        return any(name.startswith(("list bullet", "list number")) for name in style)

    def _rows(self, table: Any) -> Iterator[str]:
        """The rows of a table, those of tables in its cells behind the cell's words."""
        for row in table.iter(f"{_W}tr"):
            if next(row.iterancestors(f"{_W}tbl")) is not table:
                continue
            cells = []
            for cell in row.iter(f"{_W}tc"):
                if next(cell.iterancestors(f"{_W}tr")) is row:
                    words = " ".join(text for _, text in self.blocks(cell) if text)
                    cells.append(" ".join(words.split()))
            if any(cells):
                yield " | ".join(cells)


def _depth(paragraph: Any) -> int:
    level = paragraph.find(f"{_W}pPr/{_W}numPr/{_W}ilvl")
    value = level.get(f"{_W}val") if level is not None else "0"
    return min(int(value), _MOST_LEVELS) if value and value.isdigit() else 0


def _text(paragraph: Any) -> str:
    """The words of a paragraph without those in its text boxes; what is deleted holds no ``w:t``."""
    words = []
    pending = list(reversed(paragraph))
    while pending:
        node = pending.pop()
        if node.tag == f"{_W}t":
            words.append(node.text or "")
        elif node.tag in _MARKS:
            words.append(_MARKS[node.tag])
        elif node.tag == f"{_W}footnoteReference" or node.tag == f"{_W}endnoteReference":
            words.append(f"[^{node.get(f'{_W}id')}]")
        elif node.tag not in (f"{_W}txbxContent", f"{_W}pPr", f"{_W}rPr", _FALLBACK):
            pending += reversed(node)
    return "".join(words)


def _text_boxes(paragraph: Any) -> Iterator[Any]:
    for box in paragraph.iter(f"{_W}txbxContent"):
        above = list(box.iterancestors())
        inside = above[: above.index(paragraph)]
        if not any(node.tag in (_FALLBACK, f"{_W}txbxContent") for node in inside):
            yield box
