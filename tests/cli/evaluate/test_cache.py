"""`--cache DIR`: what one command encoded, others read; without it nothing is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from splade_cli.model.encoding import windows


def test_nothing_is_encoded_twice(
    splade: Callable[..., Any], built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    corpus = built / "data" / "corpus.jsonl"
    words = ["evaluate", "--data", built / "data", "--no-bm25", "--device", "cpu", "--json"]
    first = splade(*words, "--cache", kept)
    assert first.exit_code == 0, first.output
    (file,) = kept.glob("*.sqlite3")

    def refuse(*given: Any, **others: Any) -> Any:
        raise AssertionError("a text is encoded that was encoded before")

    monkeypatch.setattr(windows, "encode_window", refuse)
    again = splade(*words, "--cache", kept)
    assert again.exit_code == 0, again.output
    one, two = (json.loads(done.stdout)["systems"][0] for done in (first, again))
    assert one["measures"] == two["measures"]
    assert one["cost"]["index_seconds"] > 0 and "index_seconds" not in two["cost"]
    index = ["index", corpus, "-o", tmp_path / "index", "--no-bm25", "--device", "cpu"]
    shared = splade(*index, "--cache", kept)
    assert shared.exit_code == 0, shared.output
    assert file.is_file() and not list(tmp_path.glob(".index.cache*"))
    alone = splade(*words)
    assert alone.exit_code == 1 and isinstance(alone.exception, AssertionError), "nothing else is kept"
