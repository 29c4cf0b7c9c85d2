"""Faults of calls on files: which call fails with which code, and what a user must be told of it."""

from __future__ import annotations

import errno
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from reliability.commands import Ended

CODES = {
    "read": (errno.EMFILE, errno.EIO),
    "open": (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE),
    "write": (errno.ENOSPC, errno.EIO),
    "sync": (errno.EIO, errno.ENOSPC),
    "truncate": (errno.EIO, errno.ENOSPC),
    "rename": (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO),
    "remove": (errno.EACCES, errno.EROFS, errno.EIO),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EROFS),
}
"""What each kind of call can fail with."""
SAID = {
    errno.ENOSPC: ("no space left", "make room"),
    errno.EIO: ("the disk fails", "another disk"),
    errno.EACCES: ("permission denied", "permissions"),
    errno.EROFS: ("read-only", "name a"),
    errno.EMFILE: ("no descriptors are left", "ulimit -n"),
}
UNCLEAR = "could not be read or written"
RAW = re.compile(
    r"requested and \d+ written|database or disk is full|disk I/O error|unable to open database|os error \d"
    r"|\[Errno|SafetensorError|Error while|enforce fail|damaged|Traceback"
)
"""What a library would say, or what would be the wrong cause."""


@dataclass(frozen=True)
class Fault:
    """The call of a kind, by number from 1, that fails with a code, and where it lasts the later ones too."""

    kind: str
    number: int
    code: int
    lasts: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {errno.errorcode[self.code]}"


def wrong_message(ended: Ended, fault: Fault) -> str:
    if ended.has_traceback:
        return "traceback"
    if ended.code == 0:
        return ""
    if ended.code != 1:
        return f"exit code {ended.code}"
    if RAW.search(ended.stderr):
        return "raw or wrong message"
    if UNCLEAR in ended.stderr:
        return ""
    return "" if all(words in ended.stderr for words in SAID[fault.code]) else "wrong cause"


def chosen(calls: list[str], folder: Path, count: int, seed: int) -> list[Fault]:
    """Faults in an order of chance, the first of each kind of call, file and code before others of it."""
    numbers: Counter[str] = Counter()
    faults: list[tuple[str, Fault]] = []
    for call in calls:
        kind, _, path = call.partition(" ")
        numbers[kind] += 1
        role = re.sub(r"[0-9a-f]{6,}|\d+", "N", path.partition("\t")[0].removeprefix(str(folder)))
        faults += [(role, Fault(kind, numbers[kind], code)) for code in CODES[kind]]
    random.Random(seed).shuffle(faults)
    seen: Counter[tuple[str, str, int]] = Counter()
    ranked: list[tuple[int, Fault]] = []
    for role, fault in faults:
        alike = (fault.kind, role, fault.code)
        ranked.append((seen[alike], fault))
        seen[alike] += 1
    ranked.sort(key=lambda each: each[0])
    return [fault for _, fault in ranked[:count]]
