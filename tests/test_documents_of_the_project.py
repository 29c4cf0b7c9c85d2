"""README and BEST_PRACTICES against the program: commands, flags, files and the Python block exist and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "BEST_PRACTICES.md", "sample_docs/README.md", "Makefile")


def commands(page: str) -> list[tuple[str, list[str]]]:
    """(command, flags) of each `splade ...` in a page, continuation lines and comments left out."""
    found = []
    for match in re.finditer(r"splade ([a-z][a-z-]+)((?: +[^\s`#;|]+)*)", (ROOT / page).read_text(encoding="utf-8")):
        found.append((match.group(1), re.findall(r"(?<=\s)(--[a-z0-9-]+)", match.group(2))))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_flags_exist(page):
    from splade_cli.cli.main import app

    known = {"gen-data", "train", "index", "search", "query", "evaluate", "export"}
    helps = {name: CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output for name in known}
    seen = [(name, flags) for name, flags in commands(page) if name in known]
    assert seen
    for name, flags in seen:
        for flag in flags:
            assert flag in helps[name], f"{page}: splade {name} has no {flag}"


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_every_file_of_the_package_is_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(ROOT / "splade_cli") for path in (ROOT / "splade_cli").rglob("*.py")]
    missing = [str(name) for name in files if name.name[0] != "_" and f"`{name}`" not in text]
    assert not missing


@pytest.mark.slow
def test_python_of_the_readme_runs(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "sample_docs").symlink_to(ROOT / "sample_docs")
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "::" in done.stdout, "a chunk's id is printed"
