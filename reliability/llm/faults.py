"""Fault injection: an LLM server that fails in a hundred ways, at the first call, at the third, or always.

Of each kind of fault and each position: `splade gen-data --llm` runs against the faulty server, and then the
same command against a healthy one at the same address. Wrong is a traceback, a hang, nonsense that was taken
for an answer, a second run that does not end well or leaves a passage without a query, a passage that was
asked about again after a usable answer, the API key anywhere in an output, a file or an error, and an escape
sequence in an output.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from reliability.commands import Ended, environment, run, splade
from reliability.forked import ANSWERED, tried
from reliability.llm.replies import REPLIES
from reliability.llm.server import POSITIONS, LlmServer
from reliability.outcome import Outcome, Tries

COUNT = 20
"""Kinds of faults of a bounded run; each is tried at all three positions."""
KEY = "sk-marker-7f3a9c1e5b8d2046"
LIMIT = 240.0
"""Seconds that a command may take: many times what it does take, on a machine that is busy with others."""
SECONDS_A_CALL = 3.0
REAL_PROCESSES = (
    "half a body",
    "429, Retry-After in seconds",
    "length, empty",
    "500",
    "key repeated in an error",
)
"""Kinds that are also run as processes of their own, with the waits that users have."""
SUBJECTS = (
    "telescope mirror astronomer cleaning", "harbour crane operator certificate",
    "beehive inspection smoker protective", "violin soundpost adjustment luthier",
    "glacier crevasse rescue pulley", "sourdough starter hydration flour",
    "chainsaw carburettor mixture idling", "aquarium nitrate filter bacteria",
    "letterpress typeface kerning matrix",
)  # fmt: skip

Command = Callable[[list[str], Path], Ended]


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """As many kinds of faults at each position, in forks of this process; some as real processes too."""
    _warm_up(folder / "warm")
    kinds = random.Random(tries.seed).sample(sorted(REPLIES), min(tries.count, len(REPLIES)))
    for at in POSITIONS:
        outcome = Outcome(f"LLM server, {at} call wrong ({len(kinds)} kinds)")
        if not tries.has(outcome.what):
            continue
        for number, kind in enumerate(kinds):
            _try(folder / f"{at}-{number}", kind, at, _forked, outcome)
        yield outcome
    outcome = Outcome("LLM server, always wrong, real processes")
    if tries.has(outcome.what):
        for number, kind in enumerate(REAL_PROCESSES[: max(1, tries.count // 4)]):
            _try(folder / f"real-{number}", kind, "always", _as_process, outcome)
        yield outcome


def _try(folder: Path, kind: str, at: str, command: Command, outcome: Outcome) -> None:
    """One fault at one position, and the run after it."""
    _documents(folder)
    faulty = LlmServer(REPLIES[kind], at)
    try:
        words = _words(folder, faulty)
        first = command(words, folder)
    finally:
        faulty.close()
    healthy = LlmServer(port=faulty.port)
    try:
        if first.code == 0:
            words = [*words, "--force"]
        second = command(words, folder)
    finally:
        healthy.close()
    wrong = _wrong(folder, kind, at, first, second, faulty, healthy)
    if wrong:
        said = " / ".join(
            f"{ended.code}: {' '.join(ended.stderr.split())[-300:]}" for ended in (first, second)
        )
        outcome.failed(wrong, f"{kind!r}, {at}: {said}")
    elif first.code == 0:
        outcome.right("finished")
    else:
        outcome.right("stopped with its reason, then finished")


def _warm_up(folder: Path) -> None:
    """A run without a fault in this process, so that its forks have everything imported."""
    import splade_cli.cli.main
    import splade_cli.cli.render.progress  # noqa: F401
    from splade_cli.generation.options import GenerateOptions, Llm
    from splade_cli.generation.pipeline import generate
    from splade_cli.progress import silent

    server = LlmServer()
    try:
        llm = Llm("m", base_url=server.url)
        generate(GenerateOptions(_documents(folder), folder / "out", llm, teacher=None, model=None), silent)
    finally:
        server.close()


def _documents(folder: Path) -> Path:
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for number, subject in enumerate(SUBJECTS):
        text = f"Notes on {subject}, and whatever else belongs to it.\n"
        (documents / f"d{number}.txt").write_text(text, encoding="utf-8")
    return documents


def _words(folder: Path, server: LlmServer) -> list[str]:
    options = f"--llm m --base-url {server.url} --teacher none --model none --concurrency 2"
    places = ["gen-data", str(folder / "documents"), "-o", str(folder / "out")]
    return [*places, *options.split(), "--timeout", str(SECONDS_A_CALL)]


def _wrong(
    folder: Path, kind: str, at: str, first: Ended, second: Ended, faulty: LlmServer, healthy: LlmServer
) -> str:
    """What went wrong, in one of a few words; empty for nothing."""
    ends = (first, second)
    if any(ended.hung for ended in ends):
        return "hang"
    if any(ended.has_traceback or ended.code not in (0, 1) for ended in ends):
        return "traceback"
    if any(KEY in ended.stdout + ended.stderr for ended in ends) or _files_with_key(folder / "out"):
        return "key shown"
    if any("\x1b" in ended.stdout + ended.stderr for ended in ends):
        return "escape shown"
    if first.code == 0 and at == "always" and not faulty.asked.usable:
        return "nonsense taken"
    if second.code != 0:
        return "not recovered"
    left_out = len(SUBJECTS) - len(_documents_with_queries(folder / "out"))
    # one answer of the right form and the wrong words is known by what its queries do not find, and said
    if left_out > 1 or (left_out and "does not find its chunk" not in second.stdout):
        return "passages left out"
    again = [passage for passage in faulty.asked.usable if healthy.asked.calls[passage]]
    twice = [passage for passage, times in faulty.asked.usable.items() if times > 1]
    if again or twice:
        return "paid twice"
    return ""


def _files_with_key(output: Path) -> list[Path]:
    if not output.is_dir():
        return []
    return [path for path in output.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def _documents_with_queries(output: Path) -> set[str]:
    rows = []
    for name in ("train.json", "val.json"):
        rows += json.loads((output / name).read_text(encoding="utf-8"))
    return {row["source"] for row in rows}


def _variables() -> dict[str, str]:
    return environment(SPLADE_API_KEY=KEY, OPENAI_API_KEY=KEY)


def _as_process(words: list[str], folder: Path) -> Ended:
    return run(splade(*words), folder, LIMIT, _variables())


def _forked(words: list[str], folder: Path) -> Ended:
    """The command in a fork of this process, where everything is imported already and waits are short."""
    started = time.monotonic()
    files = (folder / "stdout", folder / "stderr")
    ending = tried(lambda: str(_exit_code(words, files)), LIMIT)
    shown = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    code = None
    if ending.kind == ANSWERED:
        code = int(ending.text)
    elif ending.kind != "hang":
        code = 70
        shown[1] += ending.text
    return Ended(code, shown[0], shown[1], time.monotonic() - started)


def _exit_code(words: list[str], files: tuple[Path, Path]) -> int:
    """Runs the command line with standard output and error in `files`."""
    from splade_cli.cli.main import app
    from splade_cli.generation.llm.client import pace

    for number, path in enumerate(files, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.update(_variables())
    pace.FIRST_BACKOFF = 0.02
    code: object = 0
    try:
        app(words)
    except SystemExit as ended:
        code = ended.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1
