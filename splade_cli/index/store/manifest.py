"""The manifest of an index folder: one generation, with its segments, and size and CRC-32 of each of its
files.

Everything else in the folder is written once under a new name and never changed; manifest.json alone is
replaced, in one step. Who has read it has a whole generation or finds a file gone, and reads again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from splade_cli.errors import IndexFolderError, InputError, rebuild_hint
from splade_cli.files import replacing
from splade_cli.index.containers.checksums import Checksum, checksum_of
from splade_cli.index.info import IndexInfo

VERSION = 3
FORMAT = "splade-index"
NAME = "manifest.json"
SEGMENTS, ENCODERS, TOMBSTONES = "segments", "encoders", "tombstones"
VOCABULARY, TOKENIZER = "vocabulary.json", "tokenizer.json"
MARKS = (NAME, SEGMENTS)
"""By which an index folder, even a damaged one, is told from other folders."""


@dataclass(frozen=True)
class FileEntry:
    """What a file must be; `head` is the CRC-32 of its first `checksums.HEAD_BYTES`."""

    bytes: int
    crc32: int
    head: int

    @classmethod
    def of(cls, checksum: Checksum) -> Self:
        """From a checksum."""
        return cls(checksum.size, checksum.crc32, checksum.head)


@dataclass(frozen=True)
class SegmentEntry:
    """A segment: the files of that name in ``segments/``.

    Attributes:
        rows, nonzeros: how many there are, deleted rows included.
        deleted: rows that are no result; `tombstones` names the file in ``tombstones/`` that lists them.
    """

    name: str
    rows: int
    nonzeros: int
    deleted: int = 0
    tombstones: str | None = None


@dataclass(frozen=True)
class Manifest:
    """One generation of an index.

    Attributes:
        generation: 1 when built, one more with each update.
        dimensions: V.
        segments: in the order of their rows.
        encoder: name of the folder in ``encoders/`` that holds vocabulary.json, tokenizer.json and query.*.
        files: what each file must be, by its path below the index folder.
        info: the models and settings that made it.
    """

    generation: int
    dimensions: int
    segments: tuple[SegmentEntry, ...]
    encoder: str
    files: dict[str, FileEntry]
    info: IndexInfo = field(default_factory=IndexInfo)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of an index folder.

        Raises:
            IndexFolderError: no index there, one of another format version, or a damaged manifest.
        """
        path = folder / NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["version"]
        except (FileNotFoundError, NotADirectoryError):
            raise IndexFolderError(
                f"no index at {folder}", f"make one: splade index DOCS -o {folder}"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError):
            raise _unreadable(folder) from None
        if version != VERSION:
            raise IndexFolderError(
                f"the index {folder} has format version {version}, this splade reads {VERSION}",
                rebuild_hint(folder),
            )
        try:
            if content.pop("crc32") != _checksum(content) or content.pop("format") != FORMAT:
                raise _unreadable(folder)
            return cls(
                generation=content["generation"],
                dimensions=content["dimensions"],
                segments=tuple(SegmentEntry(**each) for each in content["segments"]),
                encoder=content["encoder"],
                files={name: FileEntry(**each) for name, each in content["files"].items()},
                info=IndexInfo.from_json(content["info"]),
            )
        except (KeyError, TypeError, AttributeError, InputError):
            raise _unreadable(folder) from None

    def write(self, folder: Path) -> None:
        """Makes this the folder's generation, in one step. The files that it names must be on the disk."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        with replacing(folder / NAME) as temporary:
            temporary.write_text(
                json.dumps({**content, "crc32": _checksum(content)}, ensure_ascii=False, indent=1) + "\n",
                encoding="utf-8",
            )

    def next(self, segments: tuple[SegmentEntry, ...], files: dict[str, FileEntry]) -> Self:
        """The generation after this one, of these segments; of its files and `files` it keeps what it
        uses."""
        changed = replace(self, generation=self.generation + 1, segments=segments)
        named = {name: each for name, each in (self.files | files).items() if changed.uses(name)}
        return replace(changed, files=named)

    def uses(self, name: str) -> bool:
        """Whether a file, by its path below the index folder, is part of this generation."""
        kind, _, rest = name.partition("/")
        if kind == ENCODERS:
            return rest.startswith(f"{self.encoder}/")
        if kind == SEGMENTS:
            return any(rest.startswith(f"{segment.name}.") for segment in self.segments)
        return kind == TOMBSTONES and any(rest == segment.tombstones for segment in self.segments)

    @property
    def rows(self) -> int:
        """Rows of all segments, deleted ones included."""
        return sum(segment.rows for segment in self.segments)

    @property
    def deleted(self) -> int:
        """Rows that are no result."""
        return sum(segment.deleted for segment in self.segments)


def entries(folder: Path, paths: Iterable[Path]) -> dict[str, FileEntry]:
    """What the files at `paths` are now, by their path below `folder`; their bytes are on the disk
    afterwards."""
    return {
        path.relative_to(folder).as_posix(): FileEntry.of(checksum_of(path, sync=True))
        for path in sorted(paths)
    }


def _checksum(content: dict[str, object]) -> int:
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return zlib.crc32(text.encode("ascii"))


def _unreadable(folder: Path) -> IndexFolderError:
    return IndexFolderError(f"the index {folder} is damaged: {NAME} cannot be read", rebuild_hint(folder))
