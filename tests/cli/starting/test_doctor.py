"""`splade doctor`: a line for each finding, all of it as JSON, and the exit code of what is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from splade_cli.doctor.findings import Finding

FOUND = [
    Finding("torch", "ok", "2.13"),
    Finding("extra onnx", "missing", "graphs; needs onnx", 'pip install "splade-cli[onnx]"'),
]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command on findings that are given."""
    from splade_cli.cli.main import app
    from splade_cli.doctor import diagnose

    def run(found: list[Finding], *words: str) -> Result:
        monkeypatch.setattr(diagnose, "diagnose", lambda: found)
        return CliRunner().invoke(app, ["doctor", *words])

    return run


def test_a_line_each(doctor: Callable[..., Result]) -> None:
    result = doctor(FOUND)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok       torch       2.13",
        'missing  extra onnx  graphs; needs onnx -> pip install "splade-cli[onnx]"',
    ]
    assert "next: splade build DOCS" in result.stderr


def test_what_is_broken_ends_with_1(doctor: Callable[..., Result]) -> None:
    broken = [*FOUND, Finding("engine", "broken", "numba cannot be imported", "pip install numba")]
    assert doctor(broken).exit_code == 1
    result = doctor(broken, "--json")
    assert result.exit_code == 1
    read = json.loads(result.stdout)
    assert read["is_sound"] is False
    assert read["findings"][2] == {
        "topic": "engine", "state": "broken", "said": "numba cannot be imported", "hint": "pip install numba",
    }  # fmt: skip
    assert json.loads(doctor(FOUND, "--json").stdout)["is_sound"] is True


def test_help_is_light() -> None:
    code = (
        "import sys, splade_cli.cli.main as m\nfrom typer.testing import CliRunner\n"
        "result = CliRunner().invoke(m.app, ['doctor', '--help'])\n"
        "assert result.exit_code == 0 and 'Usage' in result.output\n"
        "assert not {'torch', 'numpy', 'packaging', 'pydantic'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
