"""Commands killed at random moments, once or several times, and then typed again until they end.

The end must be what an undisturbed run comes to, with nothing left over, and no answer of a language model
paid for twice but those that were on their way.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reliability.commands import Ended
from reliability.llm.server import LlmServer
from reliability.outcome import Outcome, Tries
from reliability.processes.killed_commands import COMMANDS, CONCURRENCY, Killed, write_inputs
from reliability.processes.moments import Moment, drawn, is_under_way, sizes
from reliability.processes.warm import Warm, variables_of

COUNT = 4
MOST_KILLS = 3
PAUSE = 0.002
EARLIEST = 0.2
PATIENCE = 240.0
GENERATION = re.compile(r"\b\d{6}\b")
"""The number that an index gives to a segment and an encoder."""


@dataclass(frozen=True)
class Undisturbed:
    """What a command comes to when nobody kills it.

    Attributes:
        seconds: how long it takes.
        changes: how often its folder was seen to change.
        listing: what is there at its end.
        calls: of a language model.
    """

    result: Any
    seconds: float
    changes: int
    listing: list[str]
    calls: int


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Some times each command of `killed_commands`."""
    with Warm() as warm:
        for number, killed in enumerate(COMMANDS):
            if tries.has(f"killed: {killed.name}"):
                yield _Series(killed, folder / str(number), warm).run(tries.count, tries.seed)


class _Series:
    """All tries of one command, in a folder of its own."""

    def __init__(self, killed: Killed, folder: Path, warm: Warm) -> None:
        self.killed = killed
        self.folder = folder
        self.warm = warm
        self.server = LlmServer(delay=0.05)
        self.start = folder / "start"
        self.work = folder / "work"

    def run(self, count: int, seed: int) -> Outcome:
        outcome = Outcome(f"killed: {self.killed.name}")
        self.folder.mkdir()
        write_inputs(self.folder)
        for name in ("work", "cache", "tmp"):
            (self.folder / name).mkdir()
        try:
            for words in self.killed.before:
                self._end(words)
            shutil.copytree(self.work, self.start)
            self._end(self.killed.words)  # loops that are compiled are so from now on
            reference = self._undisturbed()
            for number in range(count):
                chance = random.Random(f"{seed} {self.killed.name} {number}")
                self._try(reference, chance, f"--seed {seed}, try {number}", outcome)
        finally:
            self.server.close()
        return outcome

    def _undisturbed(self) -> Undisturbed:
        self._reset()
        started = time.monotonic()
        changes = self._run(self.killed.words, None, watched=True)[1]
        seconds = time.monotonic() - started
        calls = self.server.calls
        return Undisturbed(self._result(), seconds, changes, self._listing(), calls)

    def _try(self, reference: Undisturbed, chance: random.Random, name: str, outcome: Outcome) -> None:
        self._reset()
        words = self.killed.words
        moments: list[str] = []
        told = ""
        is_whole = False
        for _ in range(chance.randint(1, MOST_KILLS)):
            ended, moment = self._killed(reference, words, chance, not moments)
            moments.append(str(moment))
            words = (*self.killed.words, *self.killed.again)
            if ended.hung:
                outcome.failed("hang", f"{name}, {moments}: {ended.stderr[-300:]}")
                return
            if ended.has_traceback:
                outcome.failed("traceback", f"{name}, {moments}: {ended.stderr[-300:]}")
                return
            if _is_done(ended) and not told:
                is_whole = True
                break
            if ended.code not in (0, 130, -signal.SIGKILL, -signal.SIGINT):
                outcome.failed("rerun refused", f"{name}, {moments}: {ended.stderr[-300:]}{told}")
                return
            told = ""
            if ended.code == 130 and "run the same command" in ended.stderr:
                told = f" after it was told: {ended.stderr[-100:]}"
            if ended.code == 0:
                break
        ending = "gone on"
        if is_whole:
            ending = "whole already"
        elif ended.code == 0 and len(moments) == 1:
            ending = "over before the kill"
        elif ended.code:
            last = self._run(words, None)[0]
            if _is_done(last) and not told:
                ending = "whole already"
            elif last.hung:
                outcome.failed("hang", f"{name}, {moments}: {last.stderr[-300:]}")
                return
            elif last.code:
                outcome.failed("rerun refused", f"{name}, {moments}: {last.stderr[-300:]}{told}")
                return
        wrong = self._wrong(reference, len(moments))
        if wrong:
            outcome.failed(wrong[0], f"{name}, {moments}: {wrong[1]}")
        else:
            outcome.right(ending)

    def _killed(
        self, reference: Undisturbed, words: tuple[str, ...], chance: random.Random, first: bool
    ) -> tuple[Ended, Moment]:
        """Kills a command; one that was killed never before, and is over too early, is begun once more."""
        share = 1.0
        while True:
            moment = drawn(chance, share, reference.seconds, reference.changes)
            ended = self._run(words, moment)[0]
            if ended.code or ended.hung or not first or share < EARLIEST:
                return ended, moment
            self._reset()
            share /= 2

    def _wrong(self, reference: Undisturbed, kills: int) -> tuple[str, str] | None:
        """What is not as it must be in the end, and which."""
        try:
            result = self._result()
        except Exception as error:  # whatever it is, the result is none
            return "broken result", repr(error)
        if result != reference.result:
            return "wrong result", _difference(result, reference.result)
        listing = self._listing()
        if listing != reference.listing:
            more = Counter(listing) - Counter(reference.listing)
            fewer = Counter(reference.listing) - Counter(listing)
            return "left over", f"{sorted(more)}, missing {sorted(fewer)}"
        paid = sum(count - 1 for count in self.server.asked.usable.values())
        if paid > CONCURRENCY * kills:
            return "paid twice", f"{paid} answers"
        return None

    def _result(self) -> Any:
        return self.killed.result(self.work / self.killed.output)

    def _reset(self) -> None:
        """The folders as they are before the command."""
        for name in ("work", "cache", "tmp"):
            shutil.rmtree(self.folder / name)
        shutil.copytree(self.start, self.work)
        for name in ("cache", "tmp"):
            (self.folder / name).mkdir()
        self.server.asked.calls.clear()
        self.server.asked.usable.clear()
        self.server.calls = 0

    def _listing(self) -> list[str]:
        names = []
        for top in (self.work, self.folder / "cache", self.folder / "tmp"):
            names += [path.relative_to(self.folder).as_posix() for path in top.rglob("*")]
        # a command that was killed after its last step, and typed again, has counted one generation more
        return sorted(GENERATION.sub("GENERATION", name) for name in names)

    def _end(self, words: tuple[str, ...]) -> None:
        """Runs a command that must end well."""
        ended = self._run(words, None)[0]
        if ended.hung or ended.code:
            raise RuntimeError(f"{words} ended with {ended.code}: {ended.stderr}")

    def _run(
        self, words: tuple[str, ...], moment: Moment | None, *, watched: bool = False
    ) -> tuple[Ended, int]:
        """Runs a command up to a moment, if one is given; how it ended, and how often its folder changed."""
        documents = sorted((self.folder / "docs").iterdir())
        named = {"url": self.server.url, "document": documents[0].name}
        before = sizes(self.work)
        process = self.warm.start(
            [word.format(**named) for word in words], self.folder, variables_of(self.folder)
        )
        started = time.monotonic()
        changes = 0
        is_watched = watched or (moment is not None and moment.change is not None)
        while is_under_way(process):
            now = time.monotonic() - started
            if is_watched:
                seen = sizes(self.work)
                changes += seen != before
                before = seen
            if moment is not None and moment.is_over(now, changes):
                os.kill(process, moment.signal)
                moment = None
                is_watched = False
            if now > PATIENCE:
                os.kill(process, signal.SIGKILL)
                return replace(self.warm.finish(self.folder), code=None), changes
            time.sleep(PAUSE)
        return self.warm.finish(self.folder), changes


def _is_done(ended: Ended) -> bool:
    """Whether a command was refused because it had been killed after its last step."""
    return bool(ended.code) and any(words in ended.stderr for words in ("exists already", "no document '"))


def _difference(result: Any, expected: Any) -> str:
    if isinstance(result, dict) and isinstance(expected, dict):
        keys = sorted(set(result) | set(expected))
        differ = [key for key in keys if result.get(key) != expected.get(key)]
        return f"{differ[:5]} differ: {str([result.get(differ[0]), expected.get(differ[0])])[:400]}"
    return f"{result!r} for {expected!r}"[:300]
