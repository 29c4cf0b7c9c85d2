"""Regular files of an index folder that may come from anywhere: no link is followed, no device waited for.

A name in an index folder that is a link, a pipe or a device could make a reader hang, or have it read, and a
writer delete, what lies outside the folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

NOT_REGULAR = "no regular file"


def open_regular(path: Path) -> BinaryIO:
    """A file to be read.

    Raises:
        OSError: as `open` does; EINVAL for a link, a device or a pipe.
    """
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(path, "rb", buffering=0, opener=lambda name, given: os.open(name, given | flags))


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises OSError as `open_regular`, and EFBIG for one of more than `most` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"{size} bytes, at most {most} are read", str(path))
        pieces = []
        while piece := file.read(most + 1):
            pieces.append(piece)
        return b"".join(pieces)


def irregular_below(folder: Path) -> Iterator[Path]:
    """What is below a folder, or the folder itself, and is neither a folder nor a regular file.

    What a writer takes away meanwhile is left out.
    """
    below: list[Path] = []
    try:
        mode = folder.lstat().st_mode
        if stat.S_ISDIR(mode):
            below = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        yield folder
    for path in below:
        yield from irregular_below(path)
