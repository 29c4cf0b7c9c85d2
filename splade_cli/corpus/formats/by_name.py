"""What the name of a file tells: its format, by an ending or a name that is known without one; a title."""

from __future__ import annotations

import re
from pathlib import PurePath

from splade_cli.corpus.formats.prose import clean, names

COMPRESSED = ".gz"
UNNAMED = ""
"""The format of what is read as its text looks: ``README``, ``LICENSE`` and their like."""
_TEXTS = names(
    "readme license licence copying copyright changelog changes news history notice authors contributors "
    "contributing maintainers credits thanks install hacking todo bugs faq description release_notes"
)
_CODE = {"makefile": ".mk", "dockerfile": ".dockerfile", "jenkinsfile": ".groovy", "rakefile": ".rb"}


def format_of(path: PurePath) -> str | None:
    """The ending that tells the format of a file, in small letters; that of ``a.md.gz`` is ``.md``.

    None for a name that tells nothing, `UNNAMED` for a text that is known by its name alone.
    """
    name = path.name.lower()
    if name.endswith(COMPRESSED):
        name = name.removesuffix(COMPRESSED)
    ending = PurePath(name).suffix
    if ending:
        return ending
    if name in _CODE:
        return _CODE[name]
    # COPYING.LESSER has an ending; LICENSE-MIT, README_first and COPYING3 have none.
    if re.split(r"[-_\d]", name)[0] in _TEXTS or name in _TEXTS:
        return UNNAMED
    return None


def is_compressed(path: PurePath) -> bool:
    """Whether a file is to be unpacked before it is read."""
    return path.name.lower().endswith(COMPRESSED)


def title_of_name(path: PurePath) -> str:
    """The title of a text that names none: the words of its file's name."""
    name = path.stem if is_compressed(path) else path.name
    return " ".join(re.split(r"[-_\s]+", clean(PurePath(name).stem))).strip()
