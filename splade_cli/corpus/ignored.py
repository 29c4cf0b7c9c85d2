"""Patterns of files to leave out, as in .gitignore: those that a folder brings, and those of the user.

Patterns are gitignore's (git-scm.com/docs/gitignore), matched by pathspec: a later one wins over an earlier
one, that of an inner folder over that of an outer one, and ``!`` takes in again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from pathspec import GitIgnoreSpec

from splade_cli.errors import OptionError

NAME = ".gitignore"
_MOST_BYTES = 1_000_000
# A regular expression with many of them may take for ever on a long name.
_MOST_STARS = 6


def spec_of(patterns: tuple[str, ...]) -> GitIgnoreSpec | None:
    """Patterns that a user gave, None for none. Raises InputError for one that is none."""
    if not patterns:
        return None
    for pattern in patterns:
        if not _is_pattern(pattern):
            raise OptionError(
                f"'{pattern}' is no pattern of files", "patterns are those of a .gitignore, e.g. 'drafts/'"
            )
    return GitIgnoreSpec.from_lines(patterns)


def _is_pattern(line: str) -> bool:
    if line.count("*") > _MOST_STARS:
        return False
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


@dataclass(frozen=True)
class IgnoreRules:
    """The .gitignore files from the top of a walk down to one folder.

    Attributes:
        specs: outermost first, each with the path of its folder below the top, empty or ending in ``/``.
    """

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def within(self, folder: Path, base: str) -> IgnoreRules:
        """These, and that of a folder, if one lies there that can be read.

        Args:
            base: the folder below the top, empty or ending in ``/``.
        """
        path = folder / NAME
        try:
            if not path.is_file() or path.is_symlink() or path.stat().st_size > _MOST_BYTES:
                return self
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        except OSError:
            return self
        patterns = [line for line in lines if _is_pattern(line)]  # git passes over others as well
        return replace(self, specs=(*self.specs, (base, GitIgnoreSpec.from_lines(patterns))))

    def ignore(self, name: str, *, is_folder: bool) -> bool:
        """Whether a file or folder of that path below the top is left out, with all that is in it."""
        if is_folder:
            name = f"{name}/"
        for base, spec in reversed(self.specs):
            if name.startswith(base):
                verdict = spec.check_file(name[len(base) :]).include
                if verdict is not None:
                    return verdict
        return False
