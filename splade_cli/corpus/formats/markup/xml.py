"""XML: the text of a document by its elements; of the vocabularies, those of documents are known a little."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from splade_cli.corpus.formats.prose import Prose, fenced, names, squeezed
from splade_cli.corpus.formats.xml_tree import parsed_xml

_TITLES = names("title head heading label-title book-title article-title")
_CODE = names(
    "programlisting screen literallayout synopsis codeblock pre code-block sourcecode artwork source"
)
_ITEMS = names("listitem item li step member dlentry varlistentry")
_ROWS = names("row tr strow sthead")
_SILENT = names("script style svg remark comment indexterm")
_BLOCKS = names("para simpara p section chapter note tip warning table itemizedlist orderedlist ul ol")


def read_xml(source: str) -> Prose:
    """The text of a file, one block for each element that holds words, and its title."""
    root = parsed_xml(source)
    blocks = list(_blocks(root, 0))
    title = next((words_in(each) for each in root.iter() if each.tag in _TITLES and words_in(each)), "")
    return Prose(squeezed("\n\n".join(blocks)), title)


def _blocks(element: Element, level: int) -> Iterator[str]:
    """The blocks of an element and those within it, under `level` headings."""
    tag = element.tag.lower()
    if tag in _SILENT:
        return
    if tag in _CODE:
        code = "".join(element.itertext())
        if code.strip():
            yield fenced(code)
    elif tag in _ROWS:
        yield " | ".join(filter(None, map(words_in, element)))
    elif tag in _TITLES:
        words = words_in(element)
        if words:
            yield f"{'#' * min(max(level, 1), 6)} {words}"
    elif tag in _ITEMS and element.tag not in ("varlistentry", "dlentry"):
        within = "\n".join(_inner(element, level))
        if within:
            yield f"- {within}"
    else:
        yield from _inner(element, level)


def _inner(element: Element, level: int) -> Iterator[str]:
    """An element of words as one block, any other as those of its children."""
    has_words = bool((element.text or "").strip()) or any((each.tail or "").strip() for each in element)
    has_blocks = any(each.tag.lower() in _BLOCKS or each.tag.lower() in _CODE for each in element)
    if has_words and not has_blocks:
        yield words_in(element)
        return
    if any(each.tag.lower() in _TITLES for each in element):
        level += 1
    yield from _nonempty(element.text)
    for child in element:
        yield from _blocks(child, level)
        yield from _nonempty(child.tail)


def _nonempty(text: str | None) -> Iterator[str]:
    words = " ".join((text or "").split())
    if words:
        yield words


def words_in(element: Element) -> str:
    """All words of an element, in one line."""
    words = []
    for text in _shown(element):
        words.append(text)
    return " ".join("".join(words).split())


def _shown(element: Element) -> Iterator[str]:
    if element.tag.lower() in _SILENT:
        return
    yield element.text or ""
    for child in element:
        yield from _shown(child)
        yield child.tail or ""
