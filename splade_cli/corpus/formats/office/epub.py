"""EPUB: the chapters of a book in reading order, as the web pages that they are."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from splade_cli.corpus.encodings import marked_encoding
from splade_cli.corpus.formats.html.xhtml import read_xhtml
from splade_cli.corpus.formats.office.archive import content, opened_archive
from splade_cli.corpus.formats.prose import Prose, Unreadable, squeezed
from splade_cli.corpus.formats.xml_tree import parsed_xml

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/xml")


def read_epub(data: bytes) -> Prose:
    """Text and title of a book. Raises Unreadable for damage, and for a book that is encrypted."""
    archive = opened_archive(data, "EPUB")
    container = parsed_xml(content(archive, _CONTAINER, "EPUB"))
    package = next((each.get("full-path") for each in container.iter("rootfile")), None)
    if not package:
        raise Unreadable(f"broken EPUB ({_CONTAINER} names no package)")
    root = parsed_xml(content(archive, package, "EPUB"))
    encrypted = _encrypted(archive)
    known = set(archive.namelist())
    chapters = []
    missing = []
    for name in _reading_order(root, posixpath.dirname(package)):
        if name in encrypted:
            raise Unreadable("encrypted EPUB")
        if name not in known:
            missing.append(name)
            continue
        chapters.append(read_xhtml(_decoded(content(archive, name, "EPUB"))).text)
    metadata: dict[str, object] = {}
    for tag in ("creator", "language"):
        if named := root.findtext(f"metadata/{tag}"):
            metadata["author" if tag == "creator" else tag] = named.strip()
    remark = f"chapters missing: {', '.join(missing[:3])}" if missing else ""
    title = root.findtext("metadata/title") or ""
    return Prose(squeezed("\n\n".join(chapters)), title.strip(), metadata, remark)


def _decoded(page: bytes) -> str:
    """The text of a page: the format knows UTF-8 and UTF-16 only."""
    codec, mark = marked_encoding(page) or ("utf-8", 0)
    return page[mark:].decode(codec, "replace")


def _reading_order(root: Element, folder: str) -> list[str]:
    """The files of the spine, without the table of contents."""
    items = {item.get("id"): item for item in root.iterfind("manifest/item")}
    names = []
    for reference in root.iterfind("spine/itemref"):
        item = items.get(reference.get("idref"))
        if (
            item is None
            or item.get("media-type") not in _PAGES
            or "nav" in (item.get("properties") or "").split()
        ):
            continue
        names.append(posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "")))))
    return names


def _encrypted(archive: ZipFile) -> set[str]:
    """The files that are encrypted; of many books that is their fonts alone."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    root = parsed_xml(content(archive, "META-INF/encryption.xml", "EPUB"))
    return {unquote(each.get("URI", "")) for each in root.iter("CipherReference")}
