"""Character decoding: the bytes of a file as text, or why they are none."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from splade_cli.corpus.encodings import detected_encodings, marked_encoding, python_codec
from splade_cli.corpus.formats.prose import Unreadable, clean

_SKIPPED_AT_ONCE = 1 << 20  # bytes of a line that is too long
_LOOKED_AT = 4096  # bytes in which an encoding is declared
_DECLARED_BY_PAGE = re.compile(
    rb"<meta[^>]+charset=[\"']?\s*([\w.:-]+)|\A\s*<\?xml[^>]+encoding=[\"']([\w.:-]+)", re.IGNORECASE
)
# As Python and Emacs have it in a comment, and LaTeX as an option of a package.
_DECLARED_BY_TEXT = re.compile(rb"coding[:=]\s*([\w.-]+)|\[(\w+)\]\{inputenc\}")
_UNASSIGNED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
# Windows-1252 as browsers have it: the five bytes that it leaves out are control characters.
_WINDOWS_1252 = {
    sign: bytes([sign]).decode("cp1252") for sign in range(0x80, 0xA0) if sign not in _UNASSIGNED
}


class Decoded(NamedTuple):
    """A text, and what is to be told of how it was decoded: nothing, unless its encoding was guessed."""

    text: str
    remark: str = ""


def decode(data: bytes, *, markup: bool = False) -> Decoded:
    """Text by its byte order mark, by what it declares (`markup`: HTML and XML), as UTF-8, or by guess.

    Raises:
        Unreadable: it is none.
    """
    marked = marked_encoding(data)
    if marked is not None:
        return _marked(data, *marked)
    if b"\0" in data:
        raise Unreadable("binary, not text (it has NUL bytes)")
    declared = _declared(data, _DECLARED_BY_PAGE if markup else _DECLARED_BY_TEXT)
    order = [declared, "utf-8"] if markup else ["utf-8", declared]
    for codec in order:
        if codec is not None:
            with contextlib.suppress(UnicodeDecodeError):
                return Decoded(clean(_decoded_as(data, codec)))
    for codec in detected_encodings(data):
        with contextlib.suppress(UnicodeDecodeError):
            return Decoded(clean(_decoded_as(data, codec)), f"not UTF-8, read as {codec} by guess")
    raise Unreadable("not UTF-8, nor in another encoding that is known (convert it: iconv -t utf-8)")


def _marked(data: bytes, codec: str, length: int) -> Decoded:
    try:
        return Decoded(clean(data[length:].decode(codec)))
    except UnicodeDecodeError as error:
        raise Unreadable(f"marked as {codec.upper()}, and is not (byte {length + error.start})") from None


def _declared(data: bytes, pattern: re.Pattern[bytes]) -> str | None:
    """The encoding that a text names, as browsers understand it; None for one that they do not know."""
    found = pattern.search(data[:_LOOKED_AT])
    if found is None:
        return None
    codec = python_codec((found[1] or found[2]).decode())
    # What can be searched for a declaration in ASCII is not in UTF-16, whatever it says.
    if codec is not None and codec.startswith("utf-16"):
        return "utf-8"
    return codec


def _decoded_as(data: bytes, codec: str) -> str:
    if codec == "cp1252":
        return data.decode("latin-1").translate(_WINDOWS_1252)
    return data.decode(codec)


def _utf_8(line: bytes) -> str:
    if b"\0" in line:
        raise Unreadable("binary, not text (it has NUL bytes)")
    try:
        return clean(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start}; convert it: iconv -t utf-8)") from None


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

    A file with the byte order mark of another encoding is read in that.

    Raises:
        Unreadable: a file with nothing in it, or none at all.
    """
    is_empty = True
    with open_regular(file) as source:
        marked = marked_encoding(source.read(4))
        source.seek(0)
        if marked is None or marked[0] == "utf-8":
            lines = _lines_of_bytes(source, max_bytes)
        else:
            source.seek(marked[1])
            lines = _lines_of_text(source, marked[0], max_bytes)
        for line in lines:
            is_empty = is_empty and isinstance(line, str) and not line.strip()
            yield line
    if is_empty:
        raise Unreadable("empty file")


def _lines_of_bytes(source: BinaryIO, max_bytes: int) -> Iterator[str | Unreadable]:
    while line := source.readline(max_bytes + 1):
        if len(line) > max_bytes:
            while line and not line.endswith(b"\n"):
                line = source.readline(_SKIPPED_AT_ONCE)
            yield _too_long(max_bytes)
            continue
        if line.isspace():
            continue
        try:
            text = _utf_8(line)
        except Unreadable as reason:
            yield reason
            continue
        yield text


def _lines_of_text(source: BinaryIO, codec: str, max_bytes: int) -> Iterator[str | Unreadable]:
    text = io.TextIOWrapper(source, codec, errors="replace", newline="\n")
    while line := text.readline(max_bytes + 1):
        if len(line) > max_bytes:
            while line and not line.endswith("\n"):
                line = text.readline(_SKIPPED_AT_ONCE)
            yield _too_long(max_bytes)
        elif not line.isspace():
            yield clean(line)


def _too_long(max_bytes: int) -> Unreadable:
    return Unreadable(f"more than {max_bytes / 1e6:,.1f} MB in one line")
