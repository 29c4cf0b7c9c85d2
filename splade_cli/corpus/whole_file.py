"""One file that is read as a whole: unpacked, decoded, and given to the reader of its format."""

from __future__ import annotations

import zlib
from pathlib import Path, PurePath

from splade_cli.corpus.decoding import Decoded, decode, open_regular
from splade_cli.corpus.formats import (
    BINARY_READERS,
    MARKUP_ENDINGS,
    ROW_READERS,
    TEXT_READERS,
    WORKBOOK_READERS,
    Unreadable,
)
from splade_cli.corpus.formats.by_name import COMPRESSED, UNNAMED, format_of, is_compressed, title_of_name
from splade_cli.corpus.formats.prose import Remark, clean, json_object
from splade_cli.corpus.formats.rows.row import RawDocument
from splade_cli.corpus.options import MEGABYTE

_FORMATS = frozenset((*TEXT_READERS, *BINARY_READERS, *ROW_READERS, *WORKBOOK_READERS))
SUPPORTED = _FORMATS - {UNNAMED} | {COMPRESSED}
"""The endings of files that can be read."""
Read = list[RawDocument | Unreadable]
"""What is in a file: its documents, and for a row that gives none, or what was not understood, the reason."""
_UNPACKED_AT_ONCE = 1 << 20


def is_supported(path: PurePath) -> bool:
    """Whether the name of a file tells a format that can be read."""
    return format_of(path) in _FORMATS


def unsupported(path: PurePath) -> str:
    """Why a file is not even opened."""
    ending = format_of(path)
    if ending is None or not path.suffix:
        return "has no ending that tells its format"
    if is_compressed(path):
        return f"ending {ending}{COMPRESSED} is not supported"
    return f"ending {path.suffix} is not supported"


def read_whole(path: Path, max_bytes: int) -> Read:
    """The documents of a file that is read as a whole.

    Raises:
        Unreadable: why there is none.
        OSError: as the system says.
    """
    with open_regular(path) as source:
        data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise Unreadable(f"more than {in_megabytes(max_bytes)}")
    try:
        if is_compressed(path) and data:
            data = unpacked(data, max_bytes)
        if not data.strip():
            raise Unreadable("empty file")
        return _parsed(path, data)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except MemoryError:
        raise Unreadable("takes more memory than a file may") from None
    except Exception as error:
        # Many parsers are not ours, and what is damaged enough finds a hole in each.
        raise Unreadable(f"breaks its reader ({type(error).__name__}: {str(error)[:200]})") from None


def _parsed(path: Path, data: bytes) -> Read:
    ending = format_of(path)
    assert ending is not None
    if ending in WORKBOOK_READERS:
        return list(WORKBOOK_READERS[ending](data))
    decoded = Decoded("")
    read: Read = []
    if ending in BINARY_READERS:
        prose = BINARY_READERS[ending](data)
    else:
        decoded = decode(data, markup=ending in MARKUP_ENDINGS)
        if ending in ROW_READERS:
            read += ROW_READERS[ending](decoded.text)
            return read + [Remark(remark) for remark in (decoded.remark,) if remark]
        prose = TEXT_READERS[ending](decoded.text)
    text = clean(prose.text)
    if not text.strip():
        raise Unreadable("no text in it")
    title = " ".join(clean(prose.title).split())
    metadata = json_object(prose.metadata)
    read.append(RawDocument(text, title or title_of_name(path), metadata=metadata, pages=prose.pages))
    return read + [Remark(remark) for remark in (decoded.remark, prose.remark) if remark]


def unpacked(data: bytes, max_bytes: int) -> bytes:
    """What a gzip file holds. Raises Unreadable for damage, and for more than `max_bytes`."""
    pieces: list[bytes] = []
    size = 0
    while data:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            while data and not member.eof:
                piece = member.decompress(data, _UNPACKED_AT_ONCE)
                data = member.unconsumed_tail
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise Unreadable(f"more than {in_megabytes(max_bytes)} when it is unpacked")
                if not piece and not data:
                    break
        except zlib.error as error:
            raise Unreadable(f"broken gzip ({error})") from None
        if not member.eof:
            raise Unreadable("broken gzip (it ends too early)")
        # Zeros may follow the last member.
        data = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def in_megabytes(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / MEGABYTE:,.1f} MB"
