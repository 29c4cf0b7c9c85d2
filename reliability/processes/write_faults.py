"""Every call that opens, writes, syncs, renames or removes a file fails once, and the command is typed again.

Then an error must say which fault of the machine it was and what to do, what was there before must be there
still, and the same command must come to what an undisturbed one does, with nothing left over.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from reliability.commands import Ended
from reliability.hub import running_hub
from reliability.hub import variables_of as variables_of_hub
from reliability.outcome import Outcome, Tries
from reliability.processes.faults import UNCLEAR, Fault, chosen, wrong_message
from reliability.processes.killed_commands import COMMANDS, PUSH, Killed, write_inputs
from reliability.processes.kills import GENERATION
from reliability.processes.sync_order import unsynced
from reliability.processes.warm import Warm, variables_of

COUNT = 8
SHIM = Path(__file__).with_name("fault_shim.c")
PARTS = ("splade gen-data", "splade train")
"""Commands that publish one file after the other: some of them may be there."""
AREAS = ("work", "cache", "tmp")


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Some faults of each command, those of another kind of call, file and code first."""
    shim = folder / "faults.so"
    if sys.platform != "linux" or shutil.which("cc") is None:
        print("write_faults needs Linux and a C compiler: left out", file=sys.stderr)
        return
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SHIM, "-ldl"], check=True)
    if tries.has(_name(PUSH)):
        pushed = folder / "push"
        with (
            running_hub(pushed / "work" / PUSH.output) as hub,
            Warm(LD_PRELOAD=str(shim), **variables_of_hub(hub)) as warm,
        ):
            yield _Series(PUSH, pushed, warm).run(tries.count, tries.seed)
    with Warm(LD_PRELOAD=str(shim)) as warm:
        for number, command in enumerate(COMMANDS):
            if "{url}" not in " ".join(command.words) and tries.has(_name(command)):
                series = _Series(command, folder / str(number), warm)
                yield series.run(tries.count, tries.seed)
                yield unsynced(series.calls, command.name)


def _name(command: Killed) -> str:
    return f"a call fails: {command.name}"


class _Series:
    """All tries of one command, in a folder of its own."""

    def __init__(self, command: Killed, folder: Path, warm: Warm) -> None:
        self.command = command
        self.folder = folder
        self.warm = warm
        self.log = folder / "calls"
        self.before: Any = None
        self.calls: list[str] = []
        """What an undisturbed command calls, see the shim."""

    def run(self, count: int, seed: int) -> Outcome:
        outcome = Outcome(_name(self.command))
        self.folder.mkdir()
        write_inputs(self.folder)
        for name in AREAS:
            (self.folder / name).mkdir()
        for words in self.command.before:
            self._whole(words)
        shutil.copytree(self.folder / "work", self.folder / "start")
        if self.command.before:
            self.before = self._result()
        self._whole(self.command.words)  # loops that are compiled are so from now on
        self._reset()
        self._whole(self.command.words)
        self.calls = self.log.read_text().splitlines()
        reference = self._result()
        listing = self._listing()
        for fault in chosen(self.calls, self.folder, count, seed):
            self._reset()
            self._try(fault, reference, listing, outcome)
        return outcome

    def _try(self, fault: Fault, reference: Any, listing: list[str], outcome: Outcome) -> None:
        ended = self._run(self.command.words, fault)
        failed = [line for line in self.log.read_text().splitlines() if line.startswith("FAILED")]
        if not failed:
            outcome.right("no such call this time")
            return
        note = f"{fault} {failed[0].rpartition('/')[2]}: {ended.stderr.strip()[-300:]!r}"
        wrong = self._wrong_state(ended, reference) or wrong_message(ended, fault)
        if wrong:
            outcome.failed(wrong, note)
            return
        is_done = self._is_done(reference)
        words = self.command.words
        if ended.code:
            words = (*words, *self.command.again)
        again = self._run(words, None)
        if again.code and not (is_done and again.code == 1 and not again.has_traceback):
            outcome.failed("rerun refused", f"{note}; then {again.stderr.strip()[-300:]!r}")
        elif self._result() != reference:
            outcome.failed("wrong result", note)
        elif self._listing() != listing:
            outcome.failed("left over", f"{note}; {sorted(set(self._listing()) ^ set(listing))}")
        elif not ended.code:
            outcome.right("done without it")
        elif UNCLEAR in ended.stderr:
            self._try_lasting(fault, note, outcome)
        else:
            outcome.right("named")

    def _try_lasting(self, fault: Fault, note: str, outcome: Outcome) -> None:
        """Where a library did not say why it failed: the same by a fault that lasts, as a full disk does."""
        self._reset()
        ended = self._run(self.command.words, replace(fault, lasts=True))
        wrong = wrong_message(ended, fault)
        if wrong:
            outcome.failed(f"{wrong} of a fault that lasts", f"{note}; then {ended.stderr.strip()[-300:]!r}")
        elif UNCLEAR in ended.stderr:
            outcome.right("named, its cause not")
        else:
            outcome.right("named where it lasts")

    def _wrong_state(self, ended: Ended, reference: Any) -> str:
        """What is wrong with what lies there right after the fault, if anything."""
        output = self.folder / "work" / self.command.output
        try:
            result = self._result()
        except Exception as error:  # whatever it is, there is no result
            if ended.code == 0 or self.before is not None:
                return f"damaged ({type(error).__name__})"
            left = list(output.iterdir()) if output.is_dir() else []
            is_part = self.command.output == "" or not left
            if self.command.name in PARTS and isinstance(error, FileNotFoundError):
                is_part = True
            return "" if is_part else f"half written ({type(error).__name__})"
        if result == reference or (ended.code and result == self.before):
            return ""
        if ended.code and self.before is None and isinstance(result, dict):
            # what has not yet taken its place lies beside the rest, whole, for the next run
            placed = {name: each for name, each in result.items() if not name.startswith(".unfinished/")}
            is_part = self.command.name in PARTS and placed.items() <= reference.items()
            return "" if is_part or not result else "half written"
        return "wrong result"

    def _is_done(self, reference: Any) -> bool:
        """Whether nothing is left to do, so that the same command may say that: it exists, it is removed."""
        try:
            return bool(self._result() == reference)
        except Exception:  # whatever it is, there is no result
            return False

    def _result(self) -> Any:
        return self.command.result(self.folder / "work" / self.command.output)

    def _reset(self) -> None:
        for name in AREAS:
            shutil.rmtree(self.folder / name)
        shutil.copytree(self.folder / "start", self.folder / "work")
        for name in AREAS[1:]:
            (self.folder / name).mkdir()

    def _listing(self) -> list[str]:
        found = [path for name in AREAS for path in (self.folder / name).rglob("*")]
        names = [path.relative_to(self.folder).as_posix() for path in found]
        # a command that had done its work, and is typed again, has counted one generation more
        return sorted(GENERATION.sub("GENERATION", name) for name in names)

    def _whole(self, words: tuple[str, ...]) -> None:
        ended = self._run(words, None)
        if ended.code:
            raise RuntimeError(f"{words} ended with {ended.code}: {ended.stderr}")

    def _run(self, words: tuple[str, ...], fault: Fault | None) -> Ended:
        documents = sorted((self.folder / "docs").iterdir())
        named = {"document": documents[0].name}
        self.log.unlink(missing_ok=True)
        variables = dict(variables_of(self.folder))
        variables["FAULT_BELOW"] = ":".join(str(self.folder / name) for name in AREAS)
        variables["FAULT_LOG"] = str(self.log)
        if fault is not None:
            variables |= {
                "FAULT_KIND": fault.kind,
                "FAULT_NUMBER": str(fault.number),
                "FAULT_CODE": str(fault.code),
            }
            if fault.lasts:
                variables["FAULT_LASTS"] = "1"
        self.warm.start([word.format(**named) for word in words], self.folder, variables)
        return self.warm.finish(self.folder)
