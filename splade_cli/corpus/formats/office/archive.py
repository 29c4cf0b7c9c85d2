"""ZIP archives of documents, opened within limits: what they unpack to, and how many files that is."""

from __future__ import annotations

import io
import zipfile
import zlib

from splade_cli.corpus.formats.prose import Unreadable

_MOST_UNPACKED = 1_000_000_000  # bytes of all files, pictures among them
_MOST_MARKUP = 200_000_000  # bytes of those that are parsed
_MOST_FILES = 20_000
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".vml")
_LOOKED_AT = 4096


def opened_archive(data: bytes, kind: str) -> zipfile.ZipFile:
    """The archive; `zipfile` reads no more of a file than its directory says, so that is what is added up.

    Raises:
        Unreadable: it is none, is encrypted, or would unpack to more than any document.
    """
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(f"encrypted {kind}, or one of the formats before it")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Unreadable(f"broken {kind} ({error})") from None
    files = archive.infolist()
    markup = [file for file in files if file.filename.lower().endswith(_MARKUP)]
    if len(files) > _MOST_FILES or sum(file.file_size for file in files) > _MOST_UNPACKED:
        raise Unreadable(f"{kind} that unpacks to more than any document is")
    if sum(file.file_size for file in markup) > _MOST_MARKUP:
        raise Unreadable(f"{kind} that unpacks to more text than any document has")
    if any(file.flag_bits & 1 for file in files):
        raise Unreadable(f"encrypted {kind}")
    return archive


def refuse_entities(archive: zipfile.ZipFile, kind: str) -> None:
    """Raises Unreadable where a file declares a document type: in Office none does, and entities grow."""
    for file in archive.infolist():
        if file.filename.lower().endswith((".xml", ".rels")) and b"<!DOCTYPE" in opening(archive, file, kind):
            raise Unreadable(f"{kind} with declarations of entities in it")


def opening(archive: zipfile.ZipFile, file: zipfile.ZipInfo, kind: str) -> bytes:
    """The first bytes of a file, NUL bytes of UTF-16 left out."""
    try:
        with archive.open(file) as source:
            return source.read(_LOOKED_AT).replace(b"\0", b"")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"broken {kind} ({error})") from None


def content(archive: zipfile.ZipFile, name: str, kind: str) -> bytes:
    """The bytes of a file by its name. Raises Unreadable where it is missing or damaged."""
    try:
        return archive.read(name)
    except KeyError:
        raise Unreadable(f"broken {kind} ({name} is missing)") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"broken {kind} ({error})") from None
