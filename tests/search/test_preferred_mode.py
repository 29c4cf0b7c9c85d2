"""The mode that a measurement chose for an index is how it is searched where nobody says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.updates import keep_mode
from splade_cli.indexing.add import add_documents
from splade_cli.indexing.build import index_documents
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher


@pytest.fixture
def index(embedder: Any, tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for name, text in {"a.md": "a kiln fires clay", "b.md": "the loom weaves wool"}.items():
        (tmp_path / "docs" / name).write_text(text, encoding="utf-8")
    index_documents(tmp_path / "docs", tmp_path / "index", embedder=embedder)
    return tmp_path / "index"


def test_auto_is_what_is_kept_and_a_search_may_ask_otherwise(index: Path) -> None:
    assert Searcher.open(index).mode == "hybrid"
    assert keep_mode(index, "bm25") and not keep_mode(index, "bm25"), "the second time nothing changes"
    searcher = Searcher.open(index)
    assert searcher.mode == "bm25"
    assert not searcher.search("kiln", 1)[0].parts, "words alone"
    assert set(searcher.search("kiln", 1, SearchOptions(mode="hybrid"))[0].parts) == {"sparse", "bm25"}
    assert Searcher.open(index, options=SearchOptions(mode="sparse")).mode == "sparse"
    keep_mode(index, "")
    assert Searcher.open(index).mode == "hybrid"


def test_it_outlives_changes_and_nothing_else_is_kept(index: Path, embedder: Any, tmp_path: Path) -> None:
    keep_mode(index, "sparse")
    (tmp_path / "docs" / "c.md").write_text("a lathe turns steel", encoding="utf-8")
    add_documents(tmp_path / "docs", index, embedder=embedder)
    assert SpladeIndex.open(index).info.mode == "sparse" and Searcher.open(index).mode == "sparse"
    with pytest.raises(InputError, match="searched by 'fast'"):
        keep_mode(index, "fast")
    assert SpladeIndex.open(index).info.mode == "sparse"


def test_a_mode_that_the_index_cannot_do_is_not_taken(index: Path) -> None:
    keep_mode(index, "dense")
    assert Searcher.open(index).mode == "hybrid"
