"""The files of an index's encoder: its tokenizer, and what encodes queries."""

from __future__ import annotations

import shutil
from pathlib import Path

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.containers.mapped_file import SMALL
from splade_cli.index.store.manifest import ENCODERS, VOCABULARY, Manifest, unreadable


class EncoderFiles:
    """The files that a manifest names: small ones are compared with their checksums here, a large one when it
    is first asked for.

    Attributes:
        folder: where they lie.

    Raises:
        IndexFolderError: as `path`.
    """

    def __init__(self, index: Path, manifest: Manifest) -> None:
        self.folder = index / ENCODERS / manifest.encoder
        self._index = index
        self._kind = f"{ENCODERS}/{manifest.encoder}/"
        self._entries = manifest.files
        self._intact: set[str] = set()
        for name in self.names:
            if self._entries[f"{self._kind}{name}"].bytes <= SMALL:
                self.path(name)

    @property
    def names(self) -> list[str]:
        """Of all of them but the vocabulary, which is read when the index is opened."""
        names = [key.removeprefix(self._kind) for key in self._entries if key.startswith(self._kind)]
        return [name for name in names if name != VOCABULARY]

    def path(self, name: str) -> Path | None:
        """A file; None where the index has none of the name.

        Raises:
            IndexFolderError: it is damaged, or cannot be read.
        """
        key = f"{self._kind}{name}"
        if key not in self._entries:
            return None
        if name not in self._intact:
            try:
                same = checksum_of(self.folder / name).crc32 == self._entries[key].crc32
            except OSError as error:
                raise unreadable(self._index, key, error) from None
            if not same:
                raise self._damage(f"{key} does not match its checksum")
            self._intact.add(name)
        return self.folder / name

    def intact_folder(self) -> Path:
        """The folder, in which all files are intact, and none that the index does not name.

        Raises:
            IndexFolderError: as `path`, or a file of another name.
        """
        for name in self.names:
            self.path(name)
        for found in sorted(self.folder.iterdir()):
            if found.name not in (*self.names, VOCABULARY):
                raise self._damage(f"{self._kind}{found.name} is no file of it")
        return self.folder

    def copy(self, target: Path) -> None:
        """Copies all but the vocabulary, which is written anew, into another folder.

        Raises:
            IndexFolderError: as `path`.
        """
        for name in self.names:
            path = self.path(name)
            assert path is not None
            shutil.copyfile(path, target / name)

    def _damage(self, what: str) -> IndexFolderError:
        return IndexFolderError(f"the index {self._index} is damaged: {what}", rebuild_hint(self._index))
