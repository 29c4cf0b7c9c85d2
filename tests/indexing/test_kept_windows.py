"""Encodings that are kept: an index and an evaluation of the same texts encode them once, in either order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from splade_cli.evaluation.evaluate import evaluate
from splade_cli.indexing import pipeline
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.options import IndexOptions
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding import windows
from splade_cli.model.splade import automatic_precision

TEXTS = [
    f"The {word} needs oil, a sharp tool and a steady hand." for word in ("saw", "lathe", "loom", "press")
]


class Dense:
    """A dense model that counts the documents that it is given."""

    name = "dense"

    def __init__(self) -> None:
        self.documents = 0

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        self.documents += len(texts) if kind == "document" else 0
        return np.array([[len(text), 1 + text.count("o")] for text in texts], dtype=np.float32)

    def settle_precision(self, texts: Sequence[str]) -> None:
        self.documents += 2 * len(texts)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that a sparse model has encoded."""
    texts: list[str] = []
    encode = windows.encode_window

    def counted(loaded: Any, window: Sequence[str], *others: Any, **more: Any) -> Any:
        texts.extend(window)
        return encode(loaded, window, *others, **more)

    monkeypatch.setattr(windows, "encode_window", counted)
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)
    monkeypatch.setattr("splade_cli.indexing.kept_windows.dense_identity", lambda name: name)
    return texts


@pytest.fixture(params=["corpus.jsonl", "documents"])
def collection(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A collection with the name of what holds its documents."""
    folder = tmp_path / "collection"
    (folder / "qrels").mkdir(parents=True)
    if request.param == "documents":
        (folder / "documents").mkdir()
        for number, text in enumerate(TEXTS):
            (folder / "documents" / f"{number}.md").write_text(
                f"# Machine {number}\n\n{text}\n\n## Use\n\n{text}\n"
            )
    else:
        rows = [json.dumps({"_id": f"{number}.md", "text": text}) for number, text in enumerate(TEXTS)]
        (folder / "corpus.jsonl").write_text("\n".join(rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "oil for a lathe"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1.md\t1\n")
    return folder


Step = Callable[[SpladeEmbedder, Dense], Any]


def steps(collection: Path, kept: Path) -> tuple[Step, Step]:
    """An evaluation and an index of the same documents."""
    documents = next(each for each in collection.iterdir() if each.name in ("documents", "corpus.jsonl"))

    def measured(embedder: SpladeEmbedder, dense: Dense) -> Any:
        return evaluate(embedder, collection, dense=dense, cache=kept, keep_cache=True)

    def indexed(embedder: SpladeEmbedder, dense: Dense) -> Any:
        options = IndexOptions(cache=kept, dense=dense)
        return index_documents(documents, kept.parent / "index", options, embedder=embedder, force=True)

    return measured, indexed


@pytest.mark.parametrize("index_first", [True, False])
def test_what_one_has_encoded_the_other_reads(
    collection: Path, encoded: list[str], make_folder: Any, tmp_path: Path, index_first: bool
) -> None:
    both = steps(collection, tmp_path / "kept")
    first, second = reversed(both) if index_first else both
    dense = Dense()
    model = str(make_folder("bert"))
    first(SpladeEmbedder(model), dense)
    count = len(encoded)
    assert count >= len(TEXTS) and dense.documents == count
    second(SpladeEmbedder(model), dense)
    assert len(encoded) == count, "a text is encoded twice"
    assert dense.documents == count, "and by the dense model"


def test_dense_vectors_are_read_beside_another_sparse_model(
    collection: Path, encoded: list[str], make_folder: Any, tmp_path: Path
) -> None:
    measured, _ = steps(collection, tmp_path / "kept")
    dense = Dense()
    measured(SpladeEmbedder(str(make_folder("bert"))), dense)
    count = dense.documents
    measured(SpladeEmbedder(str(make_folder("distilbert"))), dense)
    assert dense.documents == count and len(encoded) == 2 * count


def test_without_a_cache_of_the_user_nothing_is_left(
    collection: Path, encoded: list[str], make_folder: Any, tmp_path: Path
) -> None:
    evaluate(SpladeEmbedder(str(make_folder("bert"))), collection, dense=Dense(), cache=tmp_path / "own")
    assert list((tmp_path / "own").iterdir()) == []


@pytest.mark.parametrize("index_first", [True, False])
def test_the_precision_is_that_of_what_is_kept(
    collection: Path,
    encoded: list[str],
    make_folder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    index_first: bool,
) -> None:
    """An index of many texts takes a lower precision, which an evaluation does not choose by itself."""
    monkeypatch.setattr(pipeline, "AUTOMATIC_FROM", 2)
    monkeypatch.setattr(automatic_precision, "bf16_is_faster", lambda device: True)
    monkeypatch.setattr(automatic_precision, "int8_is_faster", lambda: False)
    monkeypatch.setattr(automatic_precision, "LEAST_OVERLAP", 0.0)
    both = steps(collection, tmp_path / "kept")
    model = str(make_folder("bert"))
    one, two = SpladeEmbedder(model), SpladeEmbedder(model)
    first, second = reversed(both) if index_first else both
    first(one, Dense())
    count = len(encoded)
    second(two, Dense())
    assert len(encoded) == count
    precision = "bf16" if index_first else "fp32"
    assert (one.loaded.device.precision, two.loaded.device.precision) == (precision, precision)
    asked = SpladeEmbedder(model, precision="fp32")
    second(asked, Dense())
    assert asked.loaded.device.precision == "fp32", "what was asked for is done"
    assert len(encoded) == (2 * count if index_first else count)
