"""Every error that a user is expected to meet; knows nothing of terminals or exit codes.

    SpladeError            message says what is wrong and which value, hint says what to type next
    ├── InputError         a path, file, row, option or config key of the user's
    │   └── OptionError    an option by itself: a value that it never takes, or two that exclude each other
    ├── ModelError         a model that cannot be found, read, trusted or used
    ├── IndexFolderError   an index folder that is missing, corrupt or made by another model
    ├── ServiceError       a server, of an LLM or an engine, that cannot be reached or gives no answer of use
    ├── LimitError         a limit of calls, tokens or cost that was set is reached
    └── MachineError       disk, memory, permissions or file descriptors: see machine_faults

The command line prints ``error: message`` and ``hint: hint``, to which it adds the flag of `option`, and
exits with 1, with 2 for an `OptionError`; Python callers catch `SpladeError`.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

_UNABLE = re.compile(r", unable to (parse string as an? \w+|interpret input)")


class SpladeError(Exception):
    """Base of all expected failures.

    Attributes:
        hint: names the next command or setting, and may be empty.
        option: the keyword that `hint` speaks of, such as ``force``; the command line adds it as a flag.
    """

    def __init__(self, message: str, hint: str = "", *, option: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.option = option


class InputError(SpladeError):
    """Something that the user gave: path, file, row, option, config key."""


class OptionError(InputError):
    """An option by itself, whatever files hold: missing, out of range, or at odds with another one."""


class ModelError(SpladeError):
    """A model that cannot be found, read, trusted or used."""


class IndexFolderError(SpladeError):
    """An index folder that is missing, corrupt, or belongs to another model."""


class ServiceError(SpladeError):
    """A server, of an LLM or of an engine, that cannot be reached, refuses, has no quota left, or gives no
    answer of use."""


class LimitError(SpladeError):
    """A limit of calls, tokens or cost that the user set: another call might exceed it."""


class MachineError(SpladeError):
    """The machine fails or refuses: no room, no memory, no permission, no file descriptor left."""


def rebuild_hint(folder: object) -> str:
    """What to type to make the index in `folder` again; a file deep in an index stands for that index."""
    path = Path(str(folder))
    for above in (path, *path.parents):
        # other programs write files of the first name, so both must be there
        if (above / "manifest.json").is_file() and (above / "segments").is_dir():
            folder = above
            break
    return f"make it again: splade index DOCS -o {shlex.quote(str(folder))} --force"


def no_index(folder: object) -> IndexFolderError:
    """What is told of a folder that holds no index."""
    return IndexFolderError(
        f"no index at {folder}", f"make one: splade index DOCS -o {shlex.quote(str(folder))}"
    )


def in_plain_words(check: str) -> str:
    """What pydantic says of a value, said as other errors say it."""
    said = check.replace("Value error, ", "").replace("Input should be", "must be")
    return _UNABLE.sub("", said)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The closest of `choices` as ``did you mean 'x'?``, or an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def require_at_most(most: int, **sizes: float | None) -> None:
    """Raises OptionError naming the first size that is larger than `most`."""
    for name, value in sizes.items():
        if value is not None and value > most:
            raise OptionError(f"{name} must be at most {most:,}, got {value}", "lower it", option=name)


def require_positive(**sizes: float) -> None:
    """Raises OptionError naming the first size that is not above zero."""
    for name, value in sizes.items():
        if value is not None and not value > 0:
            raise OptionError(
                f"{name} must be above 0, got {value}", "leave it out for the default", option=name
            )
