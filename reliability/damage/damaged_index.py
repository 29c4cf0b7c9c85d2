"""Index folders whose files were damaged: bits turned over, bytes overwritten, zeroed, moved, cut off.

What must be: the answers of the undamaged index, or an error that names what is wrong; and `verify` finds
every damage. Small files are compared when an index is opened, large ones block by block when they are read.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from reliability.damage.index_folders import MANIFEST, answers, made_index
from reliability.forked import ANSWERED, REFUSED, Ending, tried
from reliability.outcome import Outcome, Tries
from splade_cli.index.index import SpladeIndex

COUNT = 150
PAGE = 4096


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Damages an index of small files and one of large ones, some times each."""
    made_index(folder / "small", 300, 20)
    made_index(folder / "large", 20_000, 60)
    for name in ("small", "large"):
        outcome = Outcome(f"a damaged file of an index, {name} files")
        if tries.has(outcome.what):
            _damaged(folder / name, tries.count, tries.seed, outcome)
            yield outcome


def _damaged(index: Path, count: int, seed: int, outcome: Outcome) -> None:
    expected = answers(index)
    # the lock, where there is one, is no part of an index
    files = [index / MANIFEST, *sorted(index.glob("*/*.*")), *sorted(index.glob("encoders/*/*"))]
    sizes = [path.stat().st_size for path in files]
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        # a file of each size as often as it has bytes would hardly ever hit a small one
        path = dice.choices(files, [size**0.5 for size in sizes])[0]
        content = path.read_bytes()
        what, changed = damage(content, dice)
        note = f"seed {seed}, try {number}: {what} in {path.relative_to(index)}"
        if changed == content:
            outcome.right("nothing changed")
            continue
        try:
            path.write_bytes(changed)
            _count(tried(lambda: answers(index)), expected, note, outcome)
            found = tried(lambda: _verified(index))
            if found.kind != REFUSED and path.name != MANIFEST:
                outcome.failed("not found by verify", f"{note}: {found.kind} {found.text[-300:]}")
        finally:
            path.write_bytes(content)


def _count(ending: Ending, expected: str, note: str, outcome: Outcome) -> None:
    if ending.kind == REFUSED:
        outcome.right("found and named")
    elif ending.kind == ANSWERED and ending.text == expected:
        outcome.right(ANSWERED)
    elif ending.kind == ANSWERED:
        outcome.failed("wrong answer", note)
    else:
        outcome.failed(ending.kind, f"{note}: {ending.text[-600:]}")


def _verified(index: Path) -> str:
    SpladeIndex.open(index, verify=True)
    return "intact"


def damage(content: bytes, dice: random.Random) -> tuple[str, bytes]:
    """A way to damage a file, in words, and what it makes of one."""
    changed = bytearray(content)
    kind = dice.choice(("bit", "bytes", "zeros", "pages", "cut", "longer", "moved"))
    start = dice.randrange(max(1, len(content)))
    length = min(len(content) - start, int(2 ** dice.uniform(0, 16)))
    if kind == "bit" and content:
        changed[start] ^= 1 << dice.randrange(8)
    elif kind == "bytes":
        changed[start : start + length] = dice.randbytes(length)
    elif kind == "zeros":
        changed[start : start + length] = bytes(length)
    elif kind == "pages":
        first = start // PAGE * PAGE
        other = dice.randrange(len(content) // PAGE + 1) * PAGE
        page = content[other : other + PAGE]
        changed[first : first + len(page)] = page
    elif kind == "cut":
        del changed[start:]
    elif kind == "longer":
        changed += dice.randbytes(length)
    else:
        del changed[start : start + length]
        changed += bytes(length)
    return f"{kind} at {start}, {length} long", bytes(changed)
