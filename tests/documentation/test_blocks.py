"""Code blocks of the pages: each can be read by what it is written in, and what is Python or a tutorial runs.

Commands of `splade` are tried in `tests/test_commands_in_texts.py`, whichever block they stand in.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md") for path in sorted(ROOT.glob(pattern))
]
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"", "bash", "json", "python", "text", "yaml", "toml", "sql", "js", "html"}
PYTHON = ("README.md", "docs/guides/python.md", "docs/reports.md")
"""Pages whose Python runs here; that of others needs servers, and is run by the tests of what it speaks to."""


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page that are written in one of some languages."""
    found = []
    for indent, language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if not languages or language in languages:
            found.append(re.sub(rf"^{indent}", "", block, flags=re.MULTILINE))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_are_what_they_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(BLOCK.findall(text))
    assert {language for _, language, _ in BLOCK.findall(text)} <= LANGUAGES
    for block in blocks(page, "python"):
        ast.parse(block)
    for block in blocks(page, "json"):
        json.loads(block)
    for block in blocks(page, "yaml"):
        yaml.safe_load(block)


def test_the_settings_of_the_guide_are_taken(tmp_path: Path) -> None:
    from splade_cli.config.resolve import resolve

    (block,) = blocks(ROOT / "docs" / "guides" / "training.md", "yaml")
    (tmp_path / "run.yaml").write_text(block, encoding="utf-8")
    assert resolve(yaml_file=tmp_path / "run.yaml").config.loss.target_document_terms == 150


def test_rows_of_the_page_of_formats_are_read(tmp_path: Path) -> None:
    from splade_cli import inspect_data

    _, row = blocks(ROOT / "docs" / "formats.md", "json")
    (tmp_path / "train.json").write_text(f"[{row}]", encoding="utf-8")
    found = inspect_data(str(tmp_path / "train.json"))
    assert found.rows == 1
    assert not found.faults


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A working folder with a part of `sample_docs`, under its name."""
    whole = ROOT / "sample_docs"
    part = tmp_path / "sample_docs"
    topics = ("digital", "workshop")
    for topic in topics:
        folder = part / "documents" / topic
        folder.mkdir(parents=True)
        for path in sorted((whole / "documents" / topic).iterdir())[:6]:
            shutil.copy(path, folder)
    there = {str(path.relative_to(part / "documents")) for path in part.rglob("*.*")}
    (part / "qrels").mkdir()
    lines = (whole / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines[1:] if line.split("\t")[1] in there]
    (part / "qrels" / "test.tsv").write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    shutil.copy(whole / "queries.jsonl", part)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_python_of_a_page_runs(name: str, sample: Path) -> None:
    code = "\n".join(blocks(ROOT / name, "python"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=sample, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_tutorial_runs(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command as it stands, one after the other, but for a model that learns less."""
    from splade_cli.cli.main import app

    commands = [
        line
        for block in blocks(ROOT / "docs" / "tutorial.md", "")
        for line in block.splitlines()
        if line.startswith("splade ")
    ]
    assert len(commands) > 8
    monkeypatch.chdir(sample)
    monkeypatch.setenv("COLUMNS", "100")
    said = {}
    for line in commands:
        words = shlex.split(line)[1:]
        if line.startswith("splade build"):
            words += ["--set", "training.max_steps=2"]
        if line.startswith("splade serve"):
            said[line] = answer_of_a_server([sys.executable, "-m", "splade_cli", *words], sample)
            continue
        done = CliRunner().invoke(app, words, input="/quit\n")
        assert done.exit_code == 0, f"{line}\n{done.output}"
        said[line] = done.stdout
    assert (sample / "engine" / "report.html").is_file()
    assert (sample / "report.html").is_file()
    assert any("*" in answer for line, answer in said.items() if line.endswith("--explain")), "added terms"


def answer_of_a_server(words: list[str], folder: Path) -> str:
    """Starts a server on a free port, asks it once, and ends it as Ctrl-C does."""
    with subprocess.Popen([*words, "--port", "0"], cwd=folder, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = None
        until = time.monotonic() + 240
        while address is None and time.monotonic() < until:
            address = re.search(r"http://[\d.]+:\d+", server.stderr.readline())
        assert address is not None
        with urllib.request.urlopen(f"{address.group(0)}/search?q=laser&k=1", timeout=60) as reply:
            answer = str(reply.read().decode())
        server.send_signal(signal.SIGINT)
        server.stderr.read()
    assert json.loads(answer)["hits"]
    return answer
