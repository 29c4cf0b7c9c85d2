"""How much of texts a model does not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_cli.corpus.chunks import Chunking
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.options import IndexOptions
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding.truncation import Truncation


def test_tokens_beyond_the_limit_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    embedder = SpladeEmbedder("tiny", max_seq_length=10)
    tokenizer = embedder.loaded.tokenizer
    long = "the river carries water to the sea and the sea has it"
    length = len(tokenizer(long)["input_ids"])
    assert length > 10
    short = len(tokenizer("a river")["input_ids"])
    found = embedder.truncation([long, "a river", long])
    assert found == Truncation(3, 2, 10, 2 * (length - 10) / (2 * length + short))
    assert embedder.truncation(["a river"]) == Truncation(1, 0, 10, 0.0)
    assert not caplog.records


def test_an_index_says_how_much_of_its_chunks_the_model_does_not_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "codes.txt").write_text(" ".join(f"QV-{number}/9" for number in range(100)))
    embedder = SpladeEmbedder(max_seq_length=32)
    by_characters = IndexOptions(chunking=Chunking())
    made = index_documents(tmp_path / "docs", tmp_path / "index", by_characters, embedder=embedder)
    assert made.findings is not None
    assert (made.findings.truncation.texts, made.findings.truncation.cut) == (1, 1)
    assert made.findings.truncation.share > 0.5
    made = index_documents(tmp_path / "docs", tmp_path / "whole", embedder=embedder)
    assert made.findings is not None
    assert made.findings.truncation.texts > 10
    assert made.findings.truncation.cut == 0
