"""Documents added to an index folder: as in an index of all of them; kills, other models, equal ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.corpus.chunks import Chunking
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.manifest import Manifest
from splade_cli.index.updates import IndexWriter
from splade_cli.indexing.add import add_documents
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.models import embedder_of
from splade_cli.indexing.on_disk import cache_of
from splade_cli.indexing.options import IndexOptions
from splade_cli.model import encode as encoding
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding.windows import space_of
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.storage.cache import Cache

Make = Callable[..., Any]
LONG = "The table saw needs a sharp blade. Backups are kept for thirty days, then deleted. " * 40
TEXTS = (
    "reset the password",
    "the table saw",
    "a sharp blade",
    "steady hand",
    "every night",
    "of thirty days",
)


@pytest.fixture
def embedder(bert_folder: Path, load: Make) -> SpladeEmbedder:
    """A random BERT, which is quick, in place of the embedded model."""
    return SpladeEmbedder.from_loaded(load(str(bert_folder)))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that go through the model."""
    sizes: list[int] = []
    original = encoding._encode_batch

    def counted(loaded: Any, tokens: Any, kind: str) -> Any:
        sizes.append(len(tokens["input_ids"]))
        return original(loaded, tokens, kind)

    monkeypatch.setattr(encoding, "_encode_batch", counted)
    return sizes


class Dense:
    """A dense model that counts letters; `name` is looked up nowhere."""

    name = "letters"

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Any, kind: str = "document") -> np.ndarray:
        self.encoded += len(texts)
        return np.array([[text.count(letter) + 1 for letter in "aest"] for text in texts], dtype=np.float32)


def jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(index: SpladeIndex) -> dict[str, str]:
    return {index.ids[int(row)]: index.chunks[int(row)].text for row in index.live_rows()}


def same(index: SpladeIndex, other: SpladeIndex) -> None:
    """The same chunks with the same vectors and dense vectors, in whatever order."""
    for one in (index, other):
        assert len({one.ids[int(number)] for number in one.live_rows()}) == len(one)
    places = {other.ids[int(number)]: int(number) for number in other.live_rows()}
    assert len(index) == len(other)
    for number in index.live_rows().tolist():
        chunk = index.chunks[number]
        assert chunk == other.chunks[places[chunk.id]]
        found, expected = index.vector(number), other.vector(places[chunk.id])
        np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunker", ["structure", "semantic"])
def test_added_documents_are_cut_as_the_index_was(
    embedder: SpladeEmbedder, tmp_path: Path, chunker: str
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "long.md").write_text(f"# Saw\n\n{LONG}")
    options = IndexOptions(chunking=Chunking(tokens=40, chunker=chunker))
    made = index_documents(docs, tmp_path / "index", options, embedder=embedder)
    window = embedder.loaded.model.max_seq_length - 2
    assert made.index.info.chunking == Chunking(tokens=40, window=window, chunker=chunker)
    assert len(made.index) > 9
    added = add_documents(docs, tmp_path / "index", embedder=embedder)
    assert (added.new, added.changed, added.unchanged) == (0, 0, 1)
    (docs / "other.md").write_text(f"# Lathe\n\n{LONG}")
    assert add_documents(docs, tmp_path / "index", embedder=embedder).chunks == len(made.index)


def test_new_changed_and_unchanged_documents(
    embedder: SpladeEmbedder, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.model.layout.resolve_dense", lambda name: name)
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, text in enumerate(TEXTS[:4]):
        (docs / f"{number}.md").write_text(text)
    (docs / "long.md").write_text(f"# Saw\n\n{LONG}")
    sizes = Chunking(200, 1200, 600)
    made = index_documents(
        docs, tmp_path / "index", IndexOptions(chunking=sizes, dense=Dense()), embedder=embedder
    )
    (docs / "1.md").write_text("the lathe")
    (docs / "new.md").write_text("a new document")
    (docs / "long.md").write_text(f"# Saw\n\n{LONG} And an end.")
    encoded.clear()
    dense = Dense()
    added = add_documents(docs, tmp_path / "index", embedder=embedder, dense=dense)
    assert (added.new, added.changed, added.unchanged) == (1, 2, 3)
    assert added.chunks == sum(encoded) < len(made.index) + 2
    assert 3 <= dense.encoded <= added.chunks, "equal texts once"
    index = SpladeIndex.open(tmp_path / "index", verify=True)
    assert index.generation == 3
    expected = index_documents(
        docs, tmp_path / "expected", IndexOptions(chunking=sizes, dense=Dense()), embedder=embedder
    ).index
    same(index, expected)
    order = {name: number for number, name in enumerate(expected.ids)}
    wanted = expected.segments[0].dense
    stacked = np.concatenate([segment.dense for segment in index.segments if segment.dense is not None])
    for number in index.live_rows().tolist():
        assert wanted is not None
        np.testing.assert_array_equal(stacked[number], wanted[order[index.ids[number]]])
    assert not cache_of(tmp_path / "index").exists()
    encoded.clear()
    generation = Manifest.read(tmp_path / "index").generation
    again = add_documents(docs, tmp_path / "index", embedder=embedder, dense=Dense())
    assert (again.new, again.changed, again.unchanged, again.chunks) == (0, 0, 6, 0)
    assert Manifest.read(tmp_path / "index").generation == generation, "nothing to write"
    assert not encoded and not cache_of(tmp_path / "index").exists()


def test_many_additions_are_merged(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    index_documents(
        jsonl(tmp_path / "0.jsonl", [{"id": "d0", "text": "first"}]), tmp_path / "index", embedder=embedder
    )
    merged = []
    for number in range(1, 12):
        source = jsonl(tmp_path / "more.jsonl", [{"id": f"d{number}", "text": TEXTS[number % len(TEXTS)]}])
        merged.append(add_documents(source, tmp_path / "index", embedder=embedder).merged)
    assert any(merged)
    index = SpladeIndex.open(tmp_path / "index", verify=True)
    assert len(index.segments) <= 8
    assert sorted(texts(index)) == sorted(f"d{number}" for number in range(12))


def test_ids_of_other_documents_are_kept_apart(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    """A document's chunks would bear the id of another document: marks keep them apart, also later."""
    jsonl(tmp_path / "a.jsonl", [{"id": "long::1", "text": "short one"}, {"id": "x", "text": "y"}])
    index_documents(tmp_path / "a.jsonl", tmp_path / "index", embedder=embedder)
    source = jsonl(tmp_path / "b.jsonl", [{"id": "long", "text": LONG}])
    assert add_documents(source, tmp_path / "index", embedder=embedder).new == 1
    found = texts(SpladeIndex.open(tmp_path / "index"))
    assert {"long::1", "long::1'", "long::2"} <= set(found)
    assert found["long::1"] == "short one"
    assert add_documents(source, tmp_path / "index", embedder=embedder).unchanged == 1
    jsonl(tmp_path / "b.jsonl", [{"id": "long", "text": LONG + " end"}])
    assert add_documents(source, tmp_path / "index", embedder=embedder).changed == 1
    again = texts(SpladeIndex.open(tmp_path / "index"))
    assert set(again) == set(found) and again["long::1"] == "short one"


def test_the_query_encoder_stays(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [{"id": "a", "text": "reset a password"}])
    made = index_documents(
        source, tmp_path / "index", IndexOptions(query=export_static, bm25=False), embedder=embedder
    )
    assert made.index.info.bm25 is None
    add_documents(
        jsonl(tmp_path / "b.jsonl", [{"id": "b", "text": "the saw"}]), tmp_path / "index", embedder=embedder
    )
    index = SpladeIndex.open(tmp_path / "index", verify=True)
    assert index.info.query == made.index.info.query
    assert index.encoder_folder is not None
    names = sorted(path.name for path in index.encoder_folder.iterdir())
    assert names == ["query.table.npy", "tokenizer.json", "vocabulary.json"]
    assert [segment.bm25 for segment in index.segments] == [None, None]


def test_another_model_is_refused_before_anything_is_encoded(
    embedder: SpladeEmbedder, make_folder: Make, tmp_path: Path, encoded: list[int]
) -> None:
    source = jsonl(tmp_path / "a.jsonl", [{"id": "a", "text": "reset a password"}])
    index_documents(source, tmp_path / "index", embedder=embedder)
    jsonl(source, [{"id": "b", "text": "the saw"}])
    encoded.clear()
    other = SpladeEmbedder(make_folder("bert", seed=1), device="cpu", precision="fp32")
    with pytest.raises(IndexFolderError, match="was made by another model") as caught:
        add_documents(source, tmp_path / "index", embedder=other)
    assert "--force" in caught.value.hint
    assert not encoded
    assert texts(SpladeIndex.open(tmp_path / "index")) == {"a": "reset a password"}
    assert add_documents(source, tmp_path / "index", embedder=embedder).new == 1


def test_the_model_is_found_by_what_the_index_says(bert_folder: Path, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [{"id": "a", "text": "reset a password"}])
    made_by = SpladeEmbedder(bert_folder, device="cpu", precision="fp32", max_seq_length=9)
    index_documents(source, tmp_path / "index", embedder=made_by)
    add_documents(jsonl(source, [{"id": "b", "text": LONG}]), tmp_path / "index", embedder=None)
    index = SpladeIndex.open(tmp_path / "index")
    found = embedder_of(index, device="cpu")
    assert (found.loaded.model.max_seq_length, found.loaded.device.precision) == (9, "fp32")
    (number, *_) = index.find("b").tolist()
    expected = made_by.encode([index.chunks[number].content])
    np.testing.assert_allclose(index.vector(number).toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    SpladeIndex.from_vectors(np.eye(2, dtype=np.float32)).save(tmp_path / "unnamed")
    with pytest.raises(IndexFolderError, match="does not say which model"):
        embedder_of(SpladeIndex.open(tmp_path / "unnamed"))


@pytest.mark.parametrize("content", ["", '{"text": " "}\n'])
def test_no_documents(content: str, embedder: SpladeEmbedder, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [{"id": "a", "text": "reset a password"}])
    index_documents(source, tmp_path / "index", embedder=embedder)
    source.write_text(content)
    with pytest.raises(InputError, match="no documents in"):
        add_documents(source, tmp_path / "index", embedder=embedder)
    assert not cache_of(tmp_path / "index").exists()
    with IndexWriter(tmp_path / "index"):
        pass


KILLED = """
import os, signal, sys
import torch
torch.set_num_threads(int(sys.argv[1]))
from splade_cli.storage.cache import Cache
from splade_cli.model import encode
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.indexing.add import add_documents
encode.WINDOW = 4
whole = Cache.put
def put(cache, space, items):
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(1)
    whole(cache, space, items)
written = []
Cache.put = put
add_documents(sys.argv[2], sys.argv[3], embedder=SpladeEmbedder(sys.argv[4], device="cpu", precision="fp32"))
"""


def test_killed_and_run_again(
    bert_folder: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "WINDOW", 4)
    rows = [
        {"id": f"d{number}", "text": f"{TEXTS[number % 6]} {'reset ' * (number % 7)}"} for number in range(24)
    ]
    embedder = SpladeEmbedder(bert_folder, device="cpu", precision="fp32")
    index_documents(jsonl(tmp_path / "some.jsonl", rows[:6]), tmp_path / "index", embedder=embedder)
    every = jsonl(tmp_path / "all.jsonl", rows[:5] + [{"id": "d5", "text": "changed"}] + rows[6:])
    words = [str(torch.get_num_threads()), every, tmp_path / "index", bert_folder]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(SpladeIndex.open(tmp_path / "index", verify=True)) == 6
    with Cache(cache_of(tmp_path / "index")) as cache:
        assert cache.count(space_of(embedder.loaded)) == 2
    encoded.clear()
    added = add_documents(every, tmp_path / "index", embedder=embedder)
    assert sum(encoded) == added.chunks - 8, "finished windows are not encoded again"
    assert not cache_of(tmp_path / "index").exists()
    index_documents(every, tmp_path / "expected", embedder=embedder)
    same(SpladeIndex.open(tmp_path / "index", verify=True), SpladeIndex.open(tmp_path / "expected"))
    assert sorted(name for name in os.listdir(tmp_path) if name[0] == ".") == []


def _folder(tmp_path: Path, texts: dict[str, str]) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def test_an_index_follows_its_folder(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    texts = {f"{number}.txt": text for number, text in enumerate(TEXTS)}
    index_dir = tmp_path / "index"
    index_documents(_folder(tmp_path, texts), index_dir, embedder=embedder)
    later = {**texts, "0.txt": "reset a password", "new.txt": "two-factor login"}
    del later["1.txt"]
    folder = _folder(tmp_path, later)
    added = add_documents(folder, index_dir, embedder=embedder, most_gone=0.5)
    assert (added.new, added.changed, added.unchanged, added.gone) == (1, 1, 4, 1)
    index = SpladeIndex.open(index_dir)
    held = {index.chunks[row].document_id: index.chunks[row].text for row in index.live_rows().tolist()}
    assert held == later
    again = add_documents(folder, index_dir, embedder=embedder, most_gone=0.5)
    assert (again.new, again.changed, again.unchanged, again.gone) == (0, 0, 6, 0)

    only = {"new.txt": "two-factor login"}
    with pytest.raises(InputError, match="5 of the index's 6 documents are not there any more") as refused:
        add_documents(_folder(tmp_path, only), index_dir, embedder=embedder, most_gone=0.5)
    assert refused.value.option == "force"
    assert SpladeIndex.open(index_dir).documents == 6
    assert add_documents(folder, index_dir, embedder=embedder, most_gone=1.0).gone == 5
    assert SpladeIndex.open(index_dir).documents == 1


def test_what_cannot_be_read_now_is_not_gone(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    index_dir = tmp_path / "index"
    texts = {f"{number}.txt": text for number, text in enumerate(TEXTS)}
    folder = _folder(tmp_path, texts)
    index_documents(folder, index_dir, embedder=embedder)
    (folder / "2.txt").write_bytes(b"\x00\xff\x00binary\x00")
    (folder / "3.txt").unlink()
    added = add_documents(folder, index_dir, embedder=embedder, most_gone=0.5)
    assert [skipped.path for skipped in added.skipped] == ["2.txt"]
    assert added.gone == 1
    index = SpladeIndex.open(index_dir)
    assert len(index.find("2.txt")) == 1
    assert len(index.find("3.txt")) == 0


def test_a_text_that_is_there_in_a_better_format_is_gone(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    index_dir = tmp_path / "index"
    texts = {"saw.txt": "A sharp blade cuts. " * 6, "lathe.txt": "A steady hand turns."}
    folder = _folder(tmp_path, texts)
    index_documents(folder, index_dir, embedder=embedder)
    (folder / "saw.md").write_text(texts["saw.txt"])
    added = add_documents(folder, index_dir, embedder=embedder, most_gone=0.5)
    assert (added.new, added.unchanged, added.gone) == (1, 1, 1)
    assert [skipped.path for skipped in added.skipped] == ["saw.txt"]
    index = SpladeIndex.open(index_dir)
    assert sorted({index.chunks[row].document_id for row in index.live_rows().tolist()}) == [
        "lathe.txt",
        "saw.md",
    ]


def test_without_being_asked_nothing_goes(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    index_dir = tmp_path / "index"
    index_documents(_folder(tmp_path, {"a.txt": "a blade", "b.txt": "a hand"}), index_dir, embedder=embedder)
    added = add_documents(_folder(tmp_path, {"a.txt": "a blade"}), index_dir, embedder=embedder)
    assert (added.unchanged, added.gone) == (1, 0)
    assert SpladeIndex.open(index_dir).documents == 2
