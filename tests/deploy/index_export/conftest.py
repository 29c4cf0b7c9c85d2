"""A small index with all that other engines stumble over: odd ids, texts, metadata, names of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.exporting import ExportedIndex, IndexExportOptions, export_index
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk

ROWS = 60
DIMENSIONS = 400
SCALE = 100


def vectors(rows: int = ROWS, *, negative: bool = False, seed: int = 7) -> sp.csr_matrix:
    """Random weights up to 3; row 5 has none."""
    random = np.random.default_rng(seed)
    dense = random.uniform(0, 3, (rows, DIMENSIONS)) * (random.random((rows, DIMENSIONS)) < 0.08)
    if rows > 5:
        dense[5] = 0
    if negative:
        dense[:, ::7] *= -1
    return sp.csr_matrix(dense.astype(np.float32))


def chunks(rows: int = ROWS) -> list[Chunk]:
    """Texts with tabs, quotes, line ends and several scripts; metadata of all kinds."""
    made = []
    for number in range(rows):
        metadata: dict[str, Any] = {
            "path": f"guides/part {number % 3}/{number}.md",
            "year": 2000 + number % 25,
            "draft": number % 4 == 0,
            "tags": ["wool", "clay"] if number % 2 else ["tin"],
            "author": {"name": "Åse" if number % 5 else "O'Neil"},
            "edition": str(number) if number % 2 else "first",
        }
        text = f"Text {number}:\ttabs, \"quotes\", back\\slash,\nlines, 'single', 日本, {{braces}}."
        made.append(
            Chunk(f"doc-{number // 2}::{number}", f"doc-{number // 2}", text, f"Title {number}",
                  ("Above", "It"), number, number + len(text), metadata)
        )  # fmt: skip
    return made


def vocabulary() -> list[str]:
    """Tokens, a dot, a quote and a bracket among them."""
    return ["[UNK]", '"', "##s", "\\", *(f"t{number}" for number in range(4, DIMENSIONS))]


@dataclass(frozen=True)
class Exported:
    """An export, and what it was made of."""

    folder: Path
    made: ExportedIndex
    index: SpladeIndex

    def parts(self, pattern: str) -> list[Path]:
        found = sorted(self.folder.glob(pattern))
        assert found, f"no {pattern} in {self.folder}"
        return found


@pytest.fixture(scope="session")
def make_index() -> Callable[..., SpladeIndex]:
    """``make_index(chunks=..., vocabulary=..., negative=True)``: the small index with something else in it."""

    def make(negative: bool = False, **changes: Any) -> SpladeIndex:
        given = {"vectors": vectors(negative=negative), "chunks": chunks(), "vocabulary": vocabulary()}
        return SpladeIndex.from_vectors(**{**given, **changes})

    return make


@pytest.fixture
def texts_of_index() -> list[Chunk]:
    """The chunks of the small index, to be changed."""
    return chunks()


@pytest.fixture(scope="session")
def tokens() -> list[str]:
    return vocabulary()


@pytest.fixture(scope="session")
def small_index() -> SpladeIndex:
    return SpladeIndex.from_vectors(vectors(), chunks=chunks(), vocabulary=vocabulary())


@pytest.fixture
def export(small_index: SpladeIndex, tmp_path: Path) -> Callable[..., Exported]:
    """``export("jsonl", names="tokens")``."""

    def run(to: str, index: SpladeIndex | None = None, **options: Any) -> Exported:
        folder = tmp_path / f"out-{to}"
        source = small_index if index is None else index
        made = export_index(source, folder, to, IndexExportOptions(force=True, **options))
        return Exported(folder, made, source)

    return run


@pytest.fixture(scope="session")
def asked() -> sp.csr_matrix:
    """Three queries as vectors."""
    return vectors(3, seed=11)
