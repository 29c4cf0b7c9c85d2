"""Runs `splade` in this process, and makes small documents, training files and an index for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

DOCUMENTS = {
    "kiln.md": "# Kiln\n\nThe kiln fires clay at 1,060 degrees.\n\n## Cooling\n\nOpen it below 90 degrees.\n",
    "lathe.md": "# Lathe\n\nThe metal lathe needs a sharp tool.\n\n## Threads\n\nCut threads at low speed.\n",
    "loom.txt": "The loom weaves wool on a warp of linen. Tie the heddles before you start to weave a scarf.",
    "press.rst": "Press\n=====\n\nThe letterpress prints cards with wood type and oil based ink.\n",
    "bike.md": "# Bicycle\n\nBrakes squeal when the rim is dirty. Clean the rim and toe in the pads.\n",
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder of five small documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def splade(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """``splade("index", docs, "-o", out)`` in this process; the result has exit_code, stdout, stderr."""
    from splade_cli.cli.main import app

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runner = CliRunner()
    return lambda *words, **options: runner.invoke(app, [str(word) for word in words], **options)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents, training files and an index, made once by the real commands: docs/, data/, index/."""
    from splade_cli.cli.main import app

    folder = tmp_path_factory.mktemp("built")
    (folder / "docs").mkdir()
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    for words in (
        ["gen-data", folder / "docs", "-o", folder / "data", "--val-ratio", "0.3"],
        ["index", folder / "docs", "-o", folder / "index"],
    ):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    return folder
