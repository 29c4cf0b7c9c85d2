"""The real command: it serves, and ends with 0 when it is told to stop."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from inspect import signature
from pathlib import Path
from urllib.request import urlopen

import pytest

from splade_cli.cli.commands.serve import TOKEN


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "splade_cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_it_serves_and_stops_when_told(folder: Path, tmp_path: Path, workers: str) -> None:
    longer = tmp_path / ("a-name-that-leaves-no-room-in-a-line-" * 3)
    longer.symlink_to(folder, target_is_directory=True)
    arguments = ("--index", str(longer), "--port", "0", "--no-marks", "--workers", workers)
    with command(*arguments) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            address = re.match(r"serving: (http://127\.0\.0\.1:\d+) ", line)
            if address is not None:
                with urlopen(f"{address.group(1)}/search?q=saw", timeout=60) as answer:
                    assert b'"document_id":"d3"' in answer.read()
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert address is not None, line + errors
    assert (process.returncode, output) == (0, ""), errors
    assert errors.rstrip().endswith("stopped") and "Traceback" not in errors


def test_nothing_is_compiled_once_it_is_served(folder: Path) -> None:
    """Numba holds up all threads for the seconds that it takes to load, so that is done before."""
    script = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from splade_cli.deploy.server.served_index import IndexSource\n"
        f"served = IndexSource(Path({str(folder)!r})).open()\n"
        "before = set(sys.modules)\n"
        "for query in ('reset password', 'saw', 'nothing of it'):\n"
        "    for mode in served.searcher.modes:\n"
        "        served.searcher.search(query, 3, replace(served.searcher.options, mode=mode))\n"
        "assert 'numba' in before\n"
        "print(sorted(name for name in set(sys.modules) - before if name.startswith(('numba', 'splade'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_uvicorn_starts_processes_as_they_are_asked_for() -> None:
    """Its constructor is no part of what uvicorn promises, and has changed before."""
    from uvicorn.supervisors import Multiprocess

    assert list(signature(Multiprocess).parameters) == ["config", "sockets"]


@pytest.mark.parametrize(
    ("arguments", "environment", "error", "hint", "code"),
    [
        (["--index", "X", "--host", "0.0.0.0"], {}, "no token is set", "--without-token", 1),
        (["--index", "X"], {TOKEN: "short"}, "can be guessed", "by chance", 1),
        (["--index", "X", "--port", "0"], {}, "no index at X", "splade index", 1),
        (["--index", "X", "--marks", "m.jsonl", "--no-marks"], {}, "--no-marks", "one of", 2),
        (["--index", "X", "--max-k", "0"], {}, "max_k must be above 0", "", 2),
    ],
)
def test_what_it_is_refused_for(
    arguments: list[str],
    environment: dict[str, str],
    error: str,
    hint: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from typer.testing import CliRunner

    from splade_cli.cli.main import app

    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["serve", *arguments], env=environment)
    assert done.exit_code == code and error in done.stderr and hint in done.stderr, done.stderr


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from splade_cli.cli.main import app
    from splade_cli.deploy.server import options

    monkeypatch.setattr(options, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["serve", "--index", str(tmp_path)])
    assert done.exit_code == 1 and "starlette and uvicorn" in done.stderr
    assert 'pip install "splade-cli[serve]"' in done.stderr
