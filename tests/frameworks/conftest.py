"""An index of four small documents, and its searcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_cli.indexing.build import index_documents
from splade_cli.search.searcher import Searcher

TEXTS = {
    "kiln.md": "# Kiln\n\nThe kiln fires clay at 1,060 degrees.\n",
    "lathe.md": "# Lathe\n\nThe metal lathe needs a sharp tool.\n",
    "loom.md": "# Loom\n\nThe loom weaves wool on a warp of linen.\n",
    "bike.md": "# Bicycle\n\nBrakes squeal when the rim is dirty.\n",
}


@pytest.fixture(scope="session")
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index."""
    folder = tmp_path_factory.mktemp("frameworks")
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    index_documents(folder / "docs", folder / "index")
    return folder / "index"


@pytest.fixture(scope="session")
def searcher(index_folder: Path) -> Searcher:
    """Over `index_folder`."""
    return Searcher.open(index_folder)
