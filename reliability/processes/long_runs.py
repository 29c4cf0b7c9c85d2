"""Long runs: the memory of a process over many documents and many steps.

Counted is the anonymous memory of the process (RssAnon of Linux), sampled while it runs: pages of files
that are mapped belong to the system, which takes them back. A run of twice the documents may take more by
what each document costs in ids and offsets, `BYTES_A_DOCUMENT`; vectors and texts must not stay.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from reliability.commands import Ended, environment, finish, splade, start
from reliability.outcome import Outcome, Tries

COUNT = 4_000
"""Documents of the larger run; a two-hundredth of them is the number of training steps, 300 at least."""
BYTES_A_DOCUMENT = 400
"""A short id, its offsets, and a share of the accumulators; the vector alone would be about 500 bytes."""
SLACK = 32 << 20
"""What an allocator keeps between two runs of the same size."""
HOUR = 3600.0
WORDS = (
    "acid",
    "air",
    "anchor",
    "apple",
    "arrow",
    "basin",
    "beam",
    "bird",
    "blade",
    "boat",
    "bolt",
    "bone",
    "bottle",
    "brass",
    "bread",
    "brick",
    "cable",
    "candle",
    "coal",
    "copper",
    "cotton",
    "crane",
    "desert",
    "diamond",
    "dust",
    "engine",
    "feather",
    "fence",
    "filter",
    "flame",
    "forest",
    "glass",
    "harbor",
    "iron",
    "kettle",
    "lamp",
    "leather",
    "lens",
    "lime",
    "oak",
)


class Sampled:
    """A command whose anonymous memory is read from /proc while it runs."""

    def __init__(self, words: list[object], folder: Path) -> None:
        self.process = start(splade(*words), folder, environment())
        self.samples: list[int] = []

    def ended(self, limit: float = HOUR) -> Ended:
        """Waits for the end and samples, bytes, ten times a second."""
        status = Path(f"/proc/{self.process.pid}/status")
        stop = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < stop:
            try:
                lines = status.read_text().splitlines()
            except OSError:
                break
            for line in lines:
                if line.startswith("RssAnon:"):
                    self.samples.append(int(line.split()[1]) << 10)
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        return finish(self.process, max(1.0, stop - time.monotonic()))

    @property
    def peak(self) -> int:
        return max(self.samples, default=0)


def documents(path: Path, first: int, count: int, seed: int) -> None:
    """Writes `count` documents of six to twelve words; their ids begin at `first`."""
    chance = random.Random(seed)
    with open(path, "w", encoding="utf-8") as out:
        for number in range(first, first + count):
            text = " ".join(chance.choices(WORDS, k=chance.randint(6, 12)))
            out.write(json.dumps({"_id": f"d{number}", "text": text}) + "\n")


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Index, add, search over many documents beside half of them, and a training run."""
    if sys.platform != "linux":
        skipped = Outcome("memory of long runs")
        skipped.right("skipped: no /proc")
        yield skipped
        return
    count = max(tries.count, 1_000)
    if tries.has("`index`, `index add`, `search`"):
        yield from _documents(folder, count, tries.seed)
    if tries.has("`train`"):
        yield _steps(folder, max(300, count // 200), tries.seed)


def _documents(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    half = count // 2
    documents(folder / "half.jsonl", 0, half, seed)
    documents(folder / "all.jsonl", 0, count, seed)
    documents(folder / "more.jsonl", count, half, seed + 1)
    runs: list[tuple[str, list[object], list[object]]] = [
        (
            "index",
            ["index", "half.jsonl", "-o", "half", "--query", "static"],
            ["index", "all.jsonl", "-o", "all", "--query", "static"],
        ),
        (
            "index add",
            ["index", "add", "more.jsonl", "--index", "half"],
            ["index", "add", "more.jsonl", "--index", "all"],
        ),
        ("search", ["search", "iron lamp", "--index", "half"], ["search", "iron lamp", "--index", "all"]),
    ]
    for name, smaller, larger in runs:
        outcome = Outcome(f"`{name}`, memory over {half:,} and {count:,} short documents")
        peaks = []
        for words in (smaller, larger):
            sampled = Sampled(words, folder)
            ended = sampled.ended()
            if ended.code != 0:
                outcome.failed("error", ended.stderr[-300:])
            peaks.append(sampled.peak)
        allowed = peaks[0] + BYTES_A_DOCUMENT * (count - half) + SLACK
        shown = f"{peaks[0] >> 20} and {peaks[1] >> 20} MiB"
        if peaks[1] <= allowed:
            outcome.right(shown)
        else:
            outcome.failed("growth", f"{shown}, {allowed >> 20} MiB allowed")
        yield outcome


def _steps(folder: Path, steps: int, seed: int) -> Outcome:
    """A training run whose typical memory in its last third must be that of its second."""
    rows = []
    chance = random.Random(seed)
    for number in range(64):
        texts = [" ".join(chance.choices(WORDS, k=8)) for _ in range(3)]
        rows.append(
            {"query": f"{texts[0]} {number}", "positive_document": texts[1], "negative_documents": [texts[2]]}
        )
    (folder / "train.json").write_text(json.dumps(rows), encoding="utf-8")
    words: list[object] = ["train", "--train-file", "train.json", "-o", "run", "--max-steps", steps]
    words += ["--batch-size", 2, "--truncate", 16, "--negatives", 1]
    outcome = Outcome(f"`train`, memory over {steps:,} small steps")
    sampled = Sampled(words, folder)
    ended = sampled.ended()
    if ended.code != 0:
        outcome.failed("error", ended.stderr[-300:])
        return outcome
    third = len(sampled.samples) // 3
    middle = int(statistics.median(sampled.samples[third : 2 * third]))
    last = int(statistics.median(sampled.samples[2 * third :]))
    shown = f"{middle >> 20} MiB, then {last >> 20}"
    if last <= middle + SLACK:
        outcome.right(shown)
    else:
        outcome.failed("growth", shown)
    return outcome
