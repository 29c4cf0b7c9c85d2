"""Character decoding: the bytes of a file as text, or why they are none."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from splade_cli.corpus.formats.prose import Unreadable, clean

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SKIPPED_AT_ONCE = 1 << 20  # bytes of a line that is too long
_META_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)
_AS_BROWSERS_READ_IT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gbk",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-8": "utf-8-sig",
}
"""Python's codecs by what the WHATWG's table of labels makes of them: pages labelled so are the wider one."""


def decode(data: bytes, *, html: bool = False) -> str:
    """Text of UTF-8, or of `html` in the encoding that it declares. Raises Unreadable for anything else."""
    if data.startswith(_UTF_16):
        raise Unreadable("UTF-16, not UTF-8 (convert it: iconv -f utf-16 -t utf-8)")
    if b"\0" in data:
        raise Unreadable("binary, not text (it has NUL bytes)")
    encodings = _declared_encodings(data) if html else []
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return clean(_decoded_as(data, encoding))
    try:
        return clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start}; convert it: iconv -t utf-8)") from None


def _declared_encodings(data: bytes) -> list[str]:
    """What the page says, as browsers understand it, and then to the letter."""
    declared = _META_CHARSET.search(data[:4096])
    if declared is None:
        return []
    try:
        name = codecs.lookup(declared[1].decode()).name
    except LookupError:
        return []
    return [_AS_BROWSERS_READ_IT.get(name, name), name]


def _decoded_as(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise
    except (LookupError, UnicodeError):
        raise Unreadable(f"declares the encoding {encoding!r}, which is none of text") from None


def open_regular(file: Path) -> BinaryIO:
    """A file opened for reading, unless it is a pipe, a socket or a device, of which reading might never end.

    Raises:
        Unreadable: it is one.
        OSError: as the system says.
    """
    # A pipe would wait for a writer; the flag has no meaning for files, and is not known everywhere.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable("no regular file")
    return os.fdopen(handle, "rb")


def decoded_lines(file: Path, max_bytes: int) -> Iterator[str | Unreadable]:
    """Lines of a UTF-8 file, one at a time, or why one cannot be read: one longer than `max_bytes` is not.

    Raises:
        Unreadable: a file in UTF-16, one with nothing in it, or none at all.
    """
    is_empty = True
    with open_regular(file) as source:
        number = 0
        while line := source.readline(max_bytes + 1):
            number += 1
            if len(line) > max_bytes:
                while line and not line.endswith(b"\n"):
                    line = source.readline(_SKIPPED_AT_ONCE)
                is_empty = False
                yield Unreadable(f"more than {max_bytes / 1e6:,.1f} MB in one line")
                continue
            if line.isspace():
                continue
            try:
                text = decode(line)
            except Unreadable as reason:
                if number == 1 and line.startswith(_UTF_16):
                    raise
                is_empty = False
                yield reason
                continue
            is_empty = is_empty and not text.strip()
            yield text
    if is_empty:
        raise Unreadable("empty file")
