"""XML without its dangers: no entity is expanded, nothing is fetched, depth and size are bounded.

The parser is expat, as in the standard library's ElementTree, told to leave the references to entities alone.
"""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from splade_cli.corpus.formats.prose import Unreadable

DEEPEST = 200
"""Levels: documents have ten or twenty."""
_MOST_ELEMENTS = 2_000_000
_LONGEST_VALUE = 200  # characters of an entity that is put in place of its name
_ENCODING = re.compile(r"\A(\s*<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][^\"']*[\"']")


def parsed_xml(source: str | bytes) -> Element:
    """The root element; names of a namespace stand as they do without it: ``{uri}p`` is ``p``.

    Raises:
        Unreadable: what is wrong with it.
    """
    # A text is decoded already, whatever it says of its bytes.
    data = _ENCODING.sub(r"\1", source, count=1).encode() if isinstance(source, str) else source
    return _Tree().parse(data)


class _Tree:
    """A tree in the making."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._values: dict[str, str] = {}
        self._depth = 0
        self._count = 0

    def parse(self, data: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.UseForeignDTD(True)
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._builder.data
        parser.EntityDeclHandler = self._declared
        # With this handler expat expands no entity of the file, but hands out its name.
        parser.DefaultHandler = self._other
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise Unreadable(f"broken XML ({error})") from None
        return self._builder.close()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            raise Unreadable(f"nested deeper than {DEEPEST} levels")
        if self._count > _MOST_ELEMENTS:
            raise Unreadable(f"more than {_MOST_ELEMENTS:,} elements")
        self._builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_local(name))

    def _declared(self, name: str, is_parameter: bool, value: str | None, *where: object) -> None:
        if value is not None and not is_parameter and len(value) <= _LONGEST_VALUE:
            self._values[name] = value

    def _other(self, data: str) -> None:
        reference = re.fullmatch(r"&([\w.:-]+);", data)
        if reference is None or not self._depth:
            return
        value = self._values.get(reference[1])
        if value is None:
            value = html.unescape(data)
        self._builder.data(re.sub(r"<[^<>]*>", "", value))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
