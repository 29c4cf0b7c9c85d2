"""The live table of a run: what it draws at several widths, what a terminal, a pipe and Ctrl-C leave."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.console import Console

from splade_cli.cli.render.numbers import ASCII_BLOCKS, BLOCKS, duration, figure, sparkline
from splade_cli.cli.render.training import validation_line
from splade_cli.cli.render.training_view import TrainingView

BEFORE = {
    "step": 0,
    "nDCG@10": 0.482,
    "query_terms": 31.2,
    "document_terms": 230.1,
    "stage": "before",
    "seconds": 3.0,
}
RUN = f"""
import sys, time
from splade_cli.cli.render import training
with training.progress() as listen:
    listen({BEFORE})
    for step in range(1, 2001):
        listen({{"step": step, "max_steps": 2000, "tick": True}})
        listen({{"step": step, "max_steps": 2000, "loss": 4 / step, "base_loss": 3 / step,
                "learning_rate": 2e-4, "document_terms": 100.0 + 100 / step, "seconds": 3.0}})
        if step == int(sys.argv[1]):
            time.sleep(3600)  # until it is interrupted
    listen({{"step": 2000, "averaging": {{}}, "share": 0.75, "seconds": 9.0}})
print("done")
"""  # fmt: skip


def row(step: int, **more: Any) -> dict[str, Any]:
    return {"step": step, "max_steps": 1000, "seconds": 1.0 * step, **more}


def drawn(view: TrainingView, width: int, now: float = 0.0) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(view.table(width, now))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text.splitlines()


@pytest.fixture
def view() -> TrainingView:
    """A run of 1000 steps, 200 of them done in 50 seconds."""
    made = TrainingView()
    made.take(BEFORE, 0.0)
    made.take(row(0), 0.0)
    for step in range(10, 201, 10):
        parts = {
            "base_loss": 30.0 / step,
            "document_regularizer_loss": 1e-5 * step,
            "query_regularizer_loss": 0.5,
        }
        made.take(
            row(step, loss=40.0 / step, document_terms=300.0 - step, query_terms=20.0, learning_rate=1e-4,
                document_regularizer_weight=2e-3, **parts),
            step / 4,
        )  # fmt: skip
        if step % 100 == 0:
            made.take(
                row(step, **{"nDCG@10": 0.5 if step == 100 else 0.49, "document_terms": 150.0}), step / 4
            )
    return made


def test_what_is_drawn_at_80_columns(view: TrainingView) -> None:
    found = {line[:15].strip(): line[15:].split() for line in drawn(view, 80, 50.0)}
    assert found["step"][0] == "200/1000"
    assert found["step"][-3:] == ["3", "min", "left"]
    assert found["loss"][0] == "0.2000"
    assert found["loss"][1].startswith("█") and found["loss"][1].endswith("▁") and len(found["loss"][1]) == 20
    assert found["base"] == ["0.1500"]
    assert found["doc. penalty"] == ["0.0020"]
    assert found["lambda doc."] == ["0.0020"]
    assert found["document terms"] == ["100.0", sparkline(range(20, 0, -1), 20)]
    assert found["query terms"] == ["20.0"]
    assert " ".join(found["nDCG@10"]) == "0.4900 before 0.4820, best 0.5000 at 100"
    assert found["learning rate"] == ["1.00e-04"]


@pytest.mark.parametrize("width", [120, 80, 60, 40, 25])
def test_no_line_is_longer_than_the_terminal_or_cut_in_a_number(view: TrainingView, width: int) -> None:
    lines = drawn(view, width, 50.0)
    assert len(lines) == 10
    assert max(map(len, lines)) <= width
    measured = next(line for line in lines if line.startswith("nDCG@10")).split()
    assert measured[1] == "0.4900"
    assert measured[2:] in (
        ["before", "0.4820,", "best", "0.5000", "at", "100"], ["best", "0.5000", "at", "100"], [],
    )  # fmt: skip
    said = validation_line({**BEFORE, "stage": None, "step": 200}, 0.2, width)
    assert len(said) <= max(width, len("step 200   nDCG@10 0.4820  3 s"))
    assert said.endswith("terms: query 31.2, document 230.1  3 s" if width >= 80 else "3 s")
    assert ("31.2 / 230.1" in said) == (width == 60)


def test_time_left_counts_from_where_the_run_began() -> None:
    view = TrainingView()
    assert view.left(0.0) is None
    view.take({"step": 500, "max_steps": 1000}, 10.0)  # resumed
    assert view.left(20.0) is None
    view.take({"step": 510, "max_steps": 1000, "tick": True}, 30.0)
    assert view.left(30.0) == pytest.approx(2.0 * 490)
    assert view.line(30.0) == "step 510/1000  16 min left"


def test_rows_without_validation_and_of_unknown_kinds() -> None:
    view = TrainingView()
    view.take({"step": 1, "note": "x", "tick": True}, 0.0)
    view.take(
        {"step": 2, "max_steps": 5, "loss": float("nan"), "strange_loss": 3, "lambda": 0.1, "seconds": 1.0},
        0.0,
    )
    lines = drawn(view, 60)
    assert not any("nDCG" in line or "terms" in line for line in lines)
    assert any(line.split() == ["strange", "3.0000"] for line in lines)
    assert any(line.split() == ["lambda", "0.1000"] for line in lines)
    assert view.line(0.0) == "step 2/5  loss nan"
    assert view.curves(80) == ""
    view.take({"step": 3, "MRR@10": 0.5}, 0.0)
    assert any(line.split()[:2] == ["MRR@10", "0.5000"] for line in drawn(view, 60))


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == BLOCKS
    assert sparkline([0, 7, float("nan")], 8, ascii_only=True) == ASCII_BLOCKS[0] + ASCII_BLOCKS[-1]
    assert sparkline([1.0] * 3, 8) == BLOCKS[4] * 3
    assert sparkline([], 8) == sparkline([1.0], 0) == ""
    long = sparkline([0.0] * 50 + [1.0] * 50, 10)
    assert long == BLOCKS[0] * 5 + BLOCKS[-1] * 5
    assert len(sparkline(list(range(1001)), 33)) == 33


def test_figures_and_durations() -> None:
    shown = [figure(value) for value in (0, 0.5, 12.345, 99999.4, 1e5, 2e-4, -3.0, float("inf"))]
    assert shown == ["0.0000", "0.5000", "12.3", "99999.4", "1.00e+05", "2.00e-04", "-3.0000", "inf"]
    assert [duration(seconds) for seconds in (40, 720, 11100)] == ["40 s", "12 min", "3 h 5 min"]


def environment(**more: str) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("NO_COLOR", "COLUMNS", "PYTHONIOENCODING")
    }
    root = str(Path(__file__).resolve().parents[3])
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": root, "PYTHONUTF8": "1", **more}


def test_a_terminal_sees_a_table_and_gets_its_cursor_back() -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", RUN, "60"],
        dimensions=(30, 60),
        env=environment(),
        timeout=600,
        encoding="utf-8",
    )  # type: ignore[arg-type]
    child.expect("before .*nDCG@10 0.4820")
    child.expect("━+.* left")
    child.expect("document terms +1[0-9.]+.*█")
    child.sendintr()
    child.expect("KeyboardInterrupt")
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == 2


def test_no_colour_and_no_blocks_where_they_cannot_be_shown() -> None:
    plain = environment(NO_COLOR="1", PYTHONIOENCODING="ascii")
    child = pexpect.spawn(sys.executable, ["-c", RUN, "0"], dimensions=(30, 60), env=plain, timeout=600)  # type: ignore[arg-type]
    text = child.read().decode("ascii")
    assert "loss #" in text
    assert "done" in text
    assert "\x1b[36m" not in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "the cursor is shown again"


def test_a_pipe_gets_plain_lines_now_and_then() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, "0"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    assert done.stdout == "done\n"
    lines = done.stderr.splitlines()
    assert lines[0] == "before     nDCG@10 0.4820  active terms: query 31.2, document 230.1  3 s"
    assert lines[1] == "step 1/2000  loss 4.0000  document terms 200.0"
    assert lines[-1] == "averaging  0.75 tuned + 0.25 base: as good on validation"
    assert len(lines) <= 5, "2000 rows in a second are not 2000 lines"
    assert "\x1b" not in done.stderr
