"""Two processes that write to one output at the same time: one does, the other is refused and told by whom.

Both are given documents of the same number and size, so that rows of one and texts of the other would fit.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reliability.commands import Ended
from reliability.outcome import Outcome, Tries
from reliability.processes.killed_commands import rows, training_files, weights
from reliability.processes.warm import Warm, variables_of

COUNT = 6
DOCUMENTS = 40
NAMES = ("one", "two")
WORDS = (
    "kiln",
    "loom",
    "lathe",
    "press",
    "brake",
    "solder",
    "clay",
    "wool",
    "steel",
    "paper",
    "wheel",
    "board",
)


@dataclass(frozen=True)
class Pair:
    """A command that is run twice at once; ``result`` is all that its output says.

    ``{documents}``, ``{rows}`` and ``{output}`` among its words become paths.
    """

    name: str
    words: tuple[str, ...]
    result: Callable[[Path], object]


PAIRS = (
    Pair("splade index", ("index", "{documents}", "-o", "{output}"), rows),
    Pair("splade index --force", ("index", "{documents}", "-o", "{output}", "--force"), rows),
    Pair(
        "splade gen-data",
        ("gen-data", "{documents}", "-o", "{output}", "--teacher", "none", "--queries-per-chunk", "1"),
        training_files,
    ),
    Pair(
        "splade train",
        ("train", "--train-file", "{rows}", "-o", "{output}", "--max-steps", "4", "--batch-size", "4"),
        weights,
    ),
)


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Some tries of each command, the second begun at a random moment of the first."""
    for name in NAMES:
        _write_documents(folder / f"{name}.jsonl", name)
        _write_rows(folder / f"{name}-rows.jsonl", name)
    with Warm() as first, Warm() as second:
        warm = dict(zip(NAMES, (first, second), strict=True))
        for pair in PAIRS:
            outcome = Outcome(f"two at once: {pair.name}")
            if not tries.has(outcome.what):
                continue
            expected = []
            seconds = 0.0
            for name in NAMES:
                started = time.monotonic()
                _try(folder, {name: warm[name]}, pair, 0)
                seconds = time.monotonic() - started
                expected.append(pair.result(folder / "out" / "it"))
            for number in range(tries.count):
                chance = random.Random(f"{tries.seed} {pair.name} {number}")
                ended = _try(folder, warm, pair, chance.random() * 0.5 * seconds)
                _judge(folder / "out", ended, pair, expected, f"--seed {tries.seed}, try {number}", outcome)
            yield outcome


def _write_documents(path: Path, name: str) -> None:
    lines = []
    for number in range(DOCUMENTS):
        words = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 30))
        text = f"The {name} shop, note {number}: how the {words} is mended. Keep the {words} dry."
        lines.append(json.dumps({"id": f"{name}-{number}", "text": text}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def _write_rows(path: Path, name: str) -> None:
    lines = []
    for number in range(DOCUMENTS):
        word = WORDS[number % len(WORDS)]
        row = {"query": f"{name} {word} {number}", "positive_document": f"how the {name} {word} is mended"}
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def _try(folder: Path, warm: dict[str, Warm], pair: Pair, pause: float) -> list[Ended]:
    """Begins the command for each name, `pause` seconds apart, and waits for all."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    for name, each in warm.items():
        (folder / name).mkdir(exist_ok=True)
        paths = {
            "documents": folder / f"{name}.jsonl",
            "rows": folder / f"{name}-rows.jsonl",
            "output": folder / "out" / "it",
        }
        words = [word.format(**paths) for word in pair.words]
        each.start(words, folder / name, variables_of(folder))
        time.sleep(pause)
    return [each.finish(folder / name) for name, each in warm.items()]


def _judge(
    out: Path, ended: list[Ended], pair: Pair, expected: list[object], name: str, outcome: Outcome
) -> None:
    refused = [each for each in ended if each.code]
    told = ["is being written by process" in each.stderr for each in refused]
    late = ["exists already" in each.stderr for each in refused]
    left = sorted(path.name for path in out.iterdir())
    if any(each.has_traceback for each in ended):
        outcome.failed("traceback", f"{name}: {[each.stderr[-300:] for each in ended]}")
    elif len(refused) == 2 or not all(map(max, zip(told, late, strict=True))):
        outcome.failed("refused without reason", f"{name}: {[each.stderr[-200:] for each in refused]}")
    elif left != ["it"]:
        outcome.failed("left over", f"{name}: {left}")
    elif pair.result(out / "it") not in expected:
        outcome.failed("wrong answer", f"{name}: rows of one among those of the other")
    elif any(told):
        outcome.right("one told who writes")
    else:
        outcome.right("one after the other")
