"""Hostile names and texts through every command: what a terminal would obey, links out of a folder, loops."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from reliability.commands import Ended
from reliability.outcome import Outcome, Tries
from reliability.processes.warm import Warm, variables_of

COUNT = 1
"""Folders of hostile names."""
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SEQUENCES = (
    "\x1b]0;owned\x07", "\x1b[2J", "\x1b[31m", "\x9b31m", "\x9d0;x\x9c", "\x1bP+q\x1b\\",
    "\x1b]8;;http://x\x1b\\",
    "\x07", "\x08\x08", "\u202e", "\u2066", "\x7f", "\r", "\n", "\t", "\x0b", "\x85", "\u2028", "[red]",
    "[/]",    "[/nothing]", "[link=x]", ":smile:", "{0}", "%s", "\\",
)  # fmt: skip
SECRET = "the secret that lies outside"
_HANGS_AFTER = 300  # seconds


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Folders, each through every command."""
    steering = Outcome("terminal sequences in names, texts, ids and keys, through each command")
    links = Outcome("links out of the folder, loops and pipes")
    draw = random.Random(tries.seed)
    with Warm() as warm:
        for number in range(tries.count):
            place = folder / str(number)
            docs = place / "docs"
            docs.mkdir(parents=True)
            write_documents(docs, draw)
            through_commands(steering, warm, place, draw)
            links_out(links, warm, folder / f"links{number}", draw)
    yield steering
    yield links


def _run(warm: Warm, folder: Path, *words: object) -> Ended:
    """A command from start to end; one that takes longer than `_HANGS_AFTER` is killed."""
    process = warm.start(words, folder, variables_of(folder))
    clock = threading.Timer(_HANGS_AFTER, os.kill, (process, signal.SIGKILL))
    clock.start()
    ended = warm.finish(folder)
    clock.cancel()
    return ended


def write_documents(docs: Path, draw: random.Random) -> None:
    """Files with hostile names and texts, those that cannot be read among them, and rows with hostile ids."""
    for number in range(8):
        name = "".join(draw.sample(SEQUENCES, 3)).replace("/", "_")
        noise = "".join(draw.sample(SEQUENCES, 4))
        text = (
            f"# Title {noise}\n\nRivers {noise} carry water {number} to the sea, and the sea {noise} has it."
        )
        (docs / f"{number}{name}.md").write_text(text)
        (docs / f"{number}{name}.bad{name}").write_text("x")
        (docs / f"{number}{name}.json").write_text("[")
    (docs / os.fsdecode(b"\xff\xfe.md")).write_text("A river of bytes.")
    rows = []
    for number in range(5):
        noise = "".join(draw.sample(SEQUENCES, 2))
        rows.append(
            {"_id": f"{noise}{number}", "title": noise, "text": f"water {noise} {number}", noise: noise}
        )
    (docs / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def through_commands(outcome: Outcome, warm: Warm, place: Path, draw: random.Random) -> None:
    """Each command over the documents; none may write what steers a terminal."""
    noise = "".join(draw.sample(SEQUENCES, 6))
    config = place / "config.yaml"
    config.write_text(json.dumps({"training": {noise: noise}}))
    docs = place / "docs"
    index = place / "index"
    data = place / "data"
    commands = [
        ("index", docs, "-o", index, "--show-skipped"),
        ("gen-data", docs, "-o", data, "--teacher", "none", "--model", "none", "--show-skipped"),
        ("search", "water sea", "--index", index),
        ("search", "water sea", "--index", index, "--explain"),
        ("search", f"water {noise}", "--index", index, "--json"),
        ("index", "remove", noise, "--index", index),
        ("index", "verify", index),
        ("query", "--index", index),
        ("terms", "--index", index),
        ("evaluate", "--data", data, "--split", "train"),
        ("train", "--config", config, "--print-config"),
        ("train", "--train-file", docs / "rows.jsonl", "-o", place / "model", "--dry-run"),
        ("index", place / noise, "-o", place / "other"),
        ("index", docs, noise, "--unknown" + noise),
        ("export", place / noise, "-o", place / "exported"),
    ]
    for words in commands:
        ended = _run(warm, place, *words)
        _judge(outcome, ended, " ".join(map(repr, map(str, words)))[:200])


def _judge(outcome: Outcome, ended: Ended, note: str) -> None:
    shown = ended.stdout + ended.stderr
    found = STEERING.search(shown.replace("\r\n", "\n"))
    if ended.code == -signal.SIGKILL:
        outcome.failed("hang", note)
    elif ended.has_traceback:
        outcome.failed("traceback", f"{note}: {ended.stderr.strip().splitlines()[-1][:200]}")
    elif found:
        context = shown[max(0, found.start() - 60) : found.end() + 20]
        outcome.failed("wrong answer", f"{note}: {found[0]!r} in {context!r}")
    else:
        outcome.right(f"exit {ended.code}, nothing that steers")


def links_out(outcome: Outcome, warm: Warm, place: Path, draw: random.Random) -> None:
    """A folder full of links: what lies outside may not be found, what lies inside is there once."""
    docs = place / "docs"
    (docs / "deep" / "er").mkdir(parents=True)
    (place / "secret.txt").write_text(SECRET)
    (place / "outside").mkdir()
    (place / "outside" / "secret.md").write_text(SECRET)
    (docs / "deep" / "page.md").write_text("A page of the folder about rivers.")
    targets: dict[str, str | Path] = {
        "out.txt": place / "secret.txt", "relative.txt": "../secret.txt", "folder": place / "outside",
        "up": "..", "root": "/", "loop": ".", "a.txt": "b.txt", "b.txt": "a.txt", "same.md": "deep/page.md",
        "device.txt": "/dev/zero", "process.txt": "/proc/self/environ", "deep/er/loop": "../..",
    }  # fmt: skip
    for name in draw.sample(sorted(targets), len(targets)):
        (docs / name).symlink_to(targets[name])
    os.mkfifo(docs / "pipe.txt")
    ended = _run(warm, place, "index", docs, "-o", place / "index", "--json", "--show-skipped")
    if ended.code != 0 or ended.has_traceback:
        outcome.failed(f"exit {ended.code}", ended.stderr[-300:])
        return
    found = _run(warm, place, "search", "a page, or a secret", "--index", place / "index", "--json")
    if found.code != 0 or SECRET in found.stdout:
        outcome.failed("wrong answer", "a file from outside of the folder is a hit")
    elif json.loads(ended.stdout)["documents"] != 1:
        outcome.failed("wrong answer", f"{json.loads(ended.stdout)['documents']} documents, not 1")
    elif "not followed" not in ended.stderr:
        outcome.failed("wrong answer", "links that were not followed are not named")
    else:
        outcome.right("read once, nothing from outside")
