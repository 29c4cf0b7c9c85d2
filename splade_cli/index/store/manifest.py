"""The manifest of an index folder: one generation, with its segments, and size and CRC-32 of each of its
files.

Everything else in the folder is written once under a new name and never changed; manifest.json alone is
replaced, in one step. Who has read it has a whole generation or finds a file gone, and reads again.
"""

from __future__ import annotations

import errno
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from splade_cli.errors import IndexFolderError, InputError, SpladeError, no_index, rebuild_hint
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.containers.plain_json import plain_json
from splade_cli.index.containers.regular_files import read_regular
from splade_cli.index.info import IndexInfo
from splade_cli.index.store.manifest_parts import (
    FileEntry,
    SegmentEntry,
    count_from,
    info_from,
    is_name,
    name_from,
    part_from,
    segment_from,
)
from splade_cli.storage.files import replacing
from splade_cli.storage.machine_faults import machine_error
from splade_cli.storage.marks import FORMAT

VERSION = 4
NAME = "manifest.json"
SEGMENTS, ENCODERS, TOMBSTONES = "segments", "encoders", "tombstones"
VOCABULARY, TOKENIZER = "vocabulary.json", "tokenizer.json"
TENSORS, TEXTS, SUMS = ".safetensors", ".jsonl", ".crc32"
MOST_DIMENSIONS = (1 << 31) - 1
MOST_BYTES = 1 << 27
"""Of a manifest, which is read as a whole."""
Items = TypeVar("Items", list[Any], dict[str, Any])


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
        try:
            content = plain_json(read_regular(folder / NAME, MOST_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            raise no_index(folder) from None
        except OSError as error:
            raise unreadable(folder, NAME, error) from None
        except ValueError:
            raise _damaged(folder, "cannot be read") from None
        if not isinstance(content, dict) or "version" not in content:
            raise _damaged(folder, "cannot be read")
        if content["version"] != VERSION:
            version = str(content["version"])[:20]
            raise IndexFolderError(
                f"the index {folder} has format version {version}, this splade reads {VERSION}",
                rebuild_hint(folder),
            )
        if content.pop("crc32", None) != _checksum(content) or content.pop("format", None) != FORMAT:
            raise _damaged(folder, "cannot be read")
        try:
            return cls._from_plain(content)
        except (KeyError, TypeError, AttributeError, ValueError, InputError) as error:
            raise _damaged(folder, f"says what cannot be ({error})") from None

    @classmethod
    def _from_plain(cls, content: dict[str, object]) -> Self:
        """From the values of `asdict`, which may be anything. Raises as reading them comes to it."""
        manifest = cls(
            generation=count_from(content["generation"], "the generation", 1),
            dimensions=count_from(content["dimensions"], "the dimensions", 0, MOST_DIMENSIONS),
            segments=tuple(segment_from(each) for each in _items(content["segments"], list)),
            encoder=name_from(content["encoder"]),
            files={
                str(name): part_from(FileEntry, each) for name, each in _items(content["files"], dict).items()
            },
            info=info_from(content["info"]),
        )
        for entry in manifest.files.values():
            count_from(entry.bytes, "the size of a file")
            count_from(entry.crc32, "a checksum", 0, 0xFFFFFFFF)
        names = [segment.name for segment in manifest.segments]
        if len(set(names)) != len(names):
            raise ValueError("a segment comes twice")
        for name in manifest.files:
            if not manifest.uses(name):
                raise ValueError(f"{name[:60]!r} is no file of an index")
        for name in manifest.needed():
            if name not in manifest.files:
                raise ValueError(f"{name} is not among its files")
        return manifest

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

    def needed(self) -> list[str]:
        """The files that this generation cannot do without, by their paths below the index folder."""
        needed = [f"{ENCODERS}/{self.encoder}/{VOCABULARY}"]
        for segment in self.segments:
            needed += [f"{SEGMENTS}/{segment.name}{ending}" for ending in (TENSORS, TEXTS, SUMS)]
            if segment.tombstones is not None:
                needed.append(f"{TOMBSTONES}/{segment.tombstones}")
        return needed

    def uses(self, name: str) -> bool:
        """Whether a file, by its path below the index folder, is part of this generation; one of an encoder
        has a plain name."""
        kind, _, rest = name.partition("/")
        if kind == ENCODERS:
            encoder, _, file = rest.partition("/")
            return encoder == self.encoder and is_name(file)
        return name in self.needed()

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


def unreadable(folder: Path, name: str, error: OSError) -> SpladeError:
    """The error for a file of an index that cannot be read: it is gone, or no file of its own, or the machine
    fails."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return IndexFolderError(f"the index {folder} is damaged: {name} is missing", rebuild_hint(folder))
    refused = _REFUSED.get(error.errno or 0)
    if refused is not None:
        return IndexFolderError(
            f"the index {folder} cannot be read: {name} is {refused}", rebuild_hint(folder)
        )
    known = machine_error(error, folder / name)
    if known is not None:
        return known
    return IndexFolderError(
        f"the index {folder} cannot be read: {name}: {error.strerror or error}",
        "check the disk, and try again",
    )


_REFUSED = {
    errno.EINVAL: "a link or a device, where a file of its own is expected",
    errno.ELOOP: "a link, where a file of its own is expected",
    errno.EISDIR: "a folder",
    errno.EFBIG: "larger than it can be",
}


def _items(value: object, kind: type[Items]) -> Items:
    if not isinstance(value, kind):
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} is expected")
    return value


def _damaged(folder: Path, what: str) -> IndexFolderError:
    return IndexFolderError(f"the index {folder} is damaged: {NAME} {what}", rebuild_hint(folder))
