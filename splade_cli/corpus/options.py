"""What may be read of a folder: how large a file, for how long, and whether links are followed out of it."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.corpus.ignored import spec_of
from splade_cli.errors import OptionError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ReadingOptions:
    """Limits of reading; what goes beyond them is skipped with its reason.

    Attributes:
        max_file_size: megabytes of a file that is read as a whole, and of one line of a JSONL file.
        max_seconds: that reading one file may take; JSONL is read line by line, and takes what it takes.
        follow_links: read what symbolic links lead to outside of the folder as well.
        extensions: read only the files of a folder that end so, such as ``.md``; all where there are none.
        include, exclude: patterns of .gitignore; of a folder only files that one of the first fits are read,
            and none that the last of the second to fit leaves out.
        ignored: read what .gitignore files of the folder name as well.
        keep_duplicates: read a text in each format that it is there in, not only in the one that tells most.
    """

    max_file_size: float = 100.0
    max_seconds: float = 60.0
    follow_links: bool = False
    extensions: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignored: bool = False
    keep_duplicates: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for a limit that is not above 0, or a pattern that is none."""
        for what, value in (
            ("the largest size of a file", self.max_file_size),
            ("the time for a file", self.max_seconds),
        ):
            if not value > 0:
                raise OptionError(f"{what} must be above 0, got {value:g}", "leave it out for the default")
        spec_of(self.include)
        spec_of(self.exclude)

    @property
    def endings(self) -> frozenset[str]:
        """`extensions` as the names of files have them: in small letters, with the dot."""
        return frozenset(f".{each.lower().lstrip('*.')}" for each in self.extensions)

    @property
    def max_bytes(self) -> int:
        """`max_file_size` in bytes."""
        return int(min(self.max_file_size, 1e9) * MEGABYTE)


DEFAULT_READING = ReadingOptions()
