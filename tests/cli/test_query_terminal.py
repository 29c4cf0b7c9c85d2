"""The interactive session through a real pseudo-terminal, read as a terminal renders it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner

pexpect = pytest.importorskip("pexpect")
pyte = pytest.importorskip("pyte")

LIMIT = 600.0
"""Seconds after which a session counts as hanging, however busy the machine."""
SLOW_SEARCH = """
import sys, time
from splade_cli.search.searcher import Searcher
quick = Searcher.search
def search(self, query, *words, **options):
    if query == "slow":
        print("searching", flush=True)
        time.sleep(3600)  # until it is interrupted
    return quick(self, query, *words, **options)
Searcher.search = search
from splade_cli.cli.main import main
main()
"""


class Terminal:
    """A session on a pseudo-terminal, and the screen that a person would see."""

    def __init__(
        self, words: list[str], columns: int, rows: int, environment: dict[str, str], script: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.write_process_input = lambda data: self.child.send(
            data
        )  # the answer to "where is the cursor?"
        self._stream = pyte.Stream(self.screen)
        self.raw = ""
        opening = ["-c", script] if script else ["-m", "splade_cli"]
        self.child = pexpect.spawn(
            sys.executable, [*opening, *words], env=environment, dimensions=(rows, columns), encoding="utf-8"
        )
        self.until(lambda: self.line.startswith("splade>"))

    def read(self, seconds: float = 0.05) -> bool:
        """Takes in what was printed; False where the session has ended."""
        try:
            said = self.child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += said
        self._stream.feed(said)
        return True

    def until(self, there: Callable[[], bool]) -> None:
        """Reads until something is on the screen."""
        end = time.monotonic() + LIMIT
        while not there():
            assert time.monotonic() < end, "\n".join(self.lines)
            if not self.read():
                assert there(), "\n".join(self.lines)

    def type(self, keys: str, *expected: str) -> None:
        """Types, and waits until each of the texts is to be seen."""
        self.child.send(keys)
        for text in expected:
            self.until(lambda text=text: text in self.text)

    def ask(self, line: str, *expected: str) -> None:
        """Types a line, and waits for its answer and the next prompt."""
        self.type(line)
        self.until(lambda: self.line.rstrip().endswith(line[-12:]))
        self.type("\r", *expected)
        self.until(lambda: self.line.rstrip() == "splade>")

    def ends(self) -> int:
        """The exit code of a session that is leaving."""
        end = time.monotonic() + LIMIT
        while self.read(0.2):
            assert time.monotonic() < end, "\n".join(self.lines)
        self.child.wait()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def line(self) -> str:
        """The line that the cursor is in."""
        shown: str = self.screen.display[self.screen.cursor.y]
        return shown

    @property
    def colours(self) -> set[str]:
        cells = [cell for row in self.screen.buffer.values() for cell in row.values() if cell.data.strip()]
        return {cell.fg for cell in cells} | {cell.bg for cell in cells}

    def bold(self) -> str:
        """All that is printed in bold."""
        rows = range(self.screen.lines)
        return " ".join(
            "".join(self.screen.buffer[row][place].data if self.screen.buffer[row][place].bold else " "
                    for place in range(self.screen.columns))
            for row in rows
        )  # fmt: skip


@pytest.fixture(scope="module")
def quick(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that encodes queries without its model, so that a session starts at once."""
    from splade_cli.cli.main import app

    folder = tmp_path_factory.mktemp("quick")
    documents = folder / "documents"
    documents.mkdir()
    for path in (built / "docs").iterdir():
        (documents / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (documents / "tokyo.md").write_text("# 東京の窯\n\n" + "東京の窯は粘土を焼く。" * 30, encoding="utf-8")
    result = CliRunner().invoke(
        app, ["index", str(documents), "-o", str(folder / "index"), "--query", "static"]
    )
    assert result.exit_code == 0, result.output
    return folder / "index"


@pytest.fixture
def terminal(quick: Path, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts `splade query` on a terminal of so many columns."""
    opened: list[Terminal] = []

    def start(*words: Any, columns: int = 100, rows: int = 40, script: str = "", **extra: str) -> Terminal:
        inherited = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")
        }
        environment = {
            **inherited,
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "TERM": "xterm-256color",
            **extra,
        }
        listed = ["query", "--index", str(quick), "--marks", str(tmp_path / "marks.jsonl"), *map(str, words)]
        opened.append(Terminal(listed, columns, rows, environment, script))
        return opened[-1]

    yield start
    for each in opened:
        each.child.close(force=True)


def test_a_whole_conversation(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    seen = terminal()
    assert "6 documents" in seen.text and "/help" in seen.text
    seen.ask("firing clay", "kiln.md", " 1  ")
    assert "clay" in seen.bold()
    assert seen.colours > {"default"}
    seen.ask("1", "1,060 degrees")
    seen.ask("/explain 1", "share", "clay")
    seen.ask("/why bike.md", "lacks, of the query", "has more of")
    seen.ask("/why biek.md", "error: no document 'biek.md'", "did you mean 'bike.md'?")
    seen.ask("/filter extension = md", "filter extension = md from now on")
    seen.until(lambda: "| filter extension = md" in seen.text)
    seen.ask("/mark good 1", "1 good and 0 bad marks", "splade train --train-file")
    assert (tmp_path / "marks.jsonl").is_file(), "written at once"
    seen.ask("firing clay", "[good]")
    seen.ask("/top 0", "error: /top takes a number", "hint: e.g. /top 10")
    seen.ask("/nope", "unknown command '/nope'")
    seen.type("quit\r")
    assert seen.ends() == 0
    assert "firing clay" in (tmp_path / "state" / "splade" / "history").read_text(encoding="utf-8")


def test_completion(terminal: Callable[..., Terminal]) -> None:
    seen = terminal()
    seen.type("/mod\t")
    seen.until(lambda: seen.line.startswith("splade> /mode "))
    seen.type("b\t")
    seen.until(lambda: seen.line.startswith("splade> /mode bm25"))
    seen.type("\r", "mode bm25 from now on", " mode bm25 |")
    seen.ask("firing clay", "kiln.md")
    seen.type("/open k\t")
    seen.until(lambda: seen.line.startswith("splade> /open kiln.md"))
    seen.type("\x03")
    seen.type("/filter exte\t")
    seen.until(lambda: seen.line.startswith("splade> /filter extension"))
    seen.type("\x03")
    seen.type("/ma", "keep hits as training rows")


def test_80_by_24(terminal: Callable[..., Terminal]) -> None:
    seen = terminal(columns=80, rows=24)
    for query in ("firing clay", "squealing brakes of a bicycle", "weave a scarf", "sharp tool", "wood type"):
        seen.ask(query)
        asked = seen.lines.index(f"splade> {query}")
        assert seen.lines[asked + 1].startswith(" 1  "), "the best hit stands right below the query"
        assert seen.screen.cursor.y >= asked + 3 and not any(
            line == "" for line in seen.lines[asked : seen.screen.cursor.y]
        )
    seen.until(
        lambda: seen.screen.cursor.y == 22 and seen.lines[23].startswith(" mode")
    )  # none free for a menu
    seen.type("/m", "/more", "the next hits")
    seen.until(lambda: seen.screen.cursor.y < 22)  # but for one that is there
    seen.type("\x03")
    seen.ask("/explain on", "bm25", "sparse")
    seen.ask("help", "/quit")
    assert "splade> help" in seen.lines, "all of it fits"
    with TemporaryDirectory() as short:  # a line of 80 columns has no room for a folder of pytest's
        seen.ask(f"/export {short}/hits.json", "hits written to")
    seen.ask("zzxqj wqpfkj", "no word of this query is in the index")
    seen.type("/clear\r")
    seen.until(lambda: seen.lines[0].startswith("splade>"))
    seen.type("exit\r")
    assert seen.ends() == 0


@pytest.mark.slow
def test_history_is_there_with_the_arrow_and_in_the_next_session(terminal: Callable[..., Terminal]) -> None:
    first = terminal()
    first.ask("firing clay", "kiln.md")
    first.ask("squealing brakes", "bike.md")
    first.type("\x1b[A")
    first.until(lambda: first.line.startswith("splade> squealing brakes"))
    first.type("\x1b[A")
    first.until(lambda: first.line.startswith("splade> firing clay"))
    first.type("\x03\x04")
    assert first.ends() == 0
    second = terminal()
    second.type("\x1b[A")
    second.until(lambda: second.line.startswith("splade> squealing brakes"))


@pytest.mark.slow
def test_ctrl_c_clears_the_line(terminal: Callable[..., Terminal]) -> None:
    seen = terminal()
    seen.type("half a que", "half a que")
    seen.type("\x03")
    seen.until(lambda: seen.line.rstrip() == "splade>")
    seen.ask("firing clay", "kiln.md")


def test_ctrl_c_stops_a_search(terminal: Callable[..., Terminal]) -> None:
    seen = terminal(script=SLOW_SEARCH)
    seen.ask("firing clay", "kiln.md")
    seen.type("slow\r", "searching")
    seen.type("\x03", "stopped")
    seen.until(lambda: seen.line.rstrip() == "splade>")
    seen.ask("1", "1,060 degrees")


def test_ctrl_d_leaves(terminal: Callable[..., Terminal]) -> None:
    seen = terminal()
    seen.type("\x04")
    assert seen.ends() == 0


@pytest.mark.slow
def test_sigterm_leaves(terminal: Callable[..., Terminal]) -> None:
    seen = terminal()
    seen.child.kill(signal.SIGTERM)
    assert seen.ends() == 128 + signal.SIGTERM


def test_a_window_made_narrow(terminal: Callable[..., Terminal]) -> None:
    seen = terminal(columns=100)
    seen.until(lambda: " mode hybrid | top 5" in seen.text)
    seen.child.setwinsize(30, 40)
    seen.screen.resize(30, 40)
    seen.ask("/top 1", "top 1 from now on")
    seen.ask("firing clay", "kiln.md", "degrees.")
    assert " mode hybrid | top" not in seen.text, "no bar on a narrow terminal"
    shown = seen.lines[
        max(place for place, line in enumerate(seen.lines) if line.endswith("firing clay")) + 1 :
    ]
    words = " ".join(shown).split()
    assert "The kiln fires clay at 1,060 degrees." in " ".join(words), "cut at words"
    seen.ask("/explain 1", "share")
    assert [line.split() for line in seen.lines if line.startswith("term ")] == [
        ["term", "query", "doc", "product", "share"]
    ]
    seen.ask("/help mark", "  keep hits as training rows")


@pytest.mark.slow
def test_wide_characters(terminal: Callable[..., Terminal]) -> None:
    seen = terminal("--top", "1", columns=60)
    seen.ask("東京の窯", "tokyo.md")
    body = [line for line in seen.lines if line.startswith("    ") and "粘土" in line]
    assert len(body) > 1
    assert "東" in seen.bold()
    seen.type("粘土")
    seen.until(lambda: seen.line.replace(" ", "").startswith("splade>粘土"))


@pytest.mark.slow
def test_no_colour(terminal: Callable[..., Terminal]) -> None:
    seen = terminal(columns=80, NO_COLOR="1")
    seen.ask("squealing brakes", "bike.md")
    seen.ask("/explain 1", "share")
    seen.ask("/nope", "unknown command")
    seen.type("/m", "keep hits")
    assert seen.colours == {"default"}


@pytest.mark.slow
def test_a_dumb_terminal(terminal: Callable[..., Terminal]) -> None:
    seen = terminal(columns=80, TERM="dumb")
    seen.type("squealing brakes\r", "bike.md")
    seen.type("half a li\x03")
    seen.type("/nope\r", "unknown command '/nope'")
    seen.type("\x04")
    assert seen.ends() == 0
    assert "\x1b" not in seen.raw


LATE_MODEL = """
import sys
from splade_cli.errors import ModelError
from splade_cli.search import opening
from splade_cli.search.query_encoder import ModelEncoder
opening.carried_encoder = lambda index: None
opening.open_stock_folder = lambda *words: None
def load(self):
    with open(PIPE):  # a pipe: goes on when the test opens the other end
        pass
    ModelEncoder.load = fail
    fail(self)
def fail(self):
    raise ModelError("the weights are damaged", "copy them again")
ModelEncoder.load = load
from splade_cli.cli.main import main
main()
"""


def test_the_prompt_is_there_before_the_model(
    terminal: Callable[..., Terminal], built: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    script = LATE_MODEL.replace("PIPE", repr(str(tmp_path / "pipe")))
    seen = terminal("--index", built / "index", script=script)
    assert "until it is there, queries are answered by their words" in seen.text
    seen.until(lambda: "| loading the model ..." in seen.text)
    seen.ask("firing clay", "answered by words (bm25)", "kiln.md")
    with open(tmp_path / "pipe", "w", encoding="utf-8"):
        pass
    seen.until(lambda: _after(seen, "/mode", "mode hybrid") and "| loading" not in seen.lines[-1])
    seen.ask("firing clay", "error: the weights are damaged", "hint: copy them again")
    seen.type("quit\r")
    assert seen.ends() == 0


def _after(seen: Terminal, line: str, expected: str) -> bool:
    """Whether an answer has come; the bar below is drawn anew for it."""
    seen.ask(line, expected)
    return True
