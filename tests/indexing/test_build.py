"""Documents to an index folder: the same as in memory, after SIGKILL, by several processes, of bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.corpus.chunks import BY_TOKENS, Chunking, split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.indexing import on_disk, pipeline
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.on_disk import cache_of
from splade_cli.indexing.options import IndexOptions
from splade_cli.model import encode as encoding
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding.windows import space_of
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import read_tokenizer
from splade_cli.model.splade import automatic_precision
from splade_cli.records import Chunk
from splade_cli.search.searcher import Searcher
from splade_cli.storage.cache import Cache

Make = Callable[..., Any]
WORDS = (
    "reset",
    "the",
    "password",
    "of",
    "a",
    "table",
    "saw",
    "sharp",
    "blade",
    "steady",
    "hand",
    "days",
    "every",
    "night",
)
LONG = "The table saw needs a sharp blade. Backups are kept for thirty days, then deleted. " * 40


def sentence(number: int) -> str:
    """Some of the words, other ones and another length for each number."""
    return " ".join(WORDS[(number * 5 + step * step) % len(WORDS)] for step in range(1, 4 + number % 9)) + "."


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Writes rows; a text is written as it is, and need not be JSON."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of four texts, so that a few documents make several of them."""
    monkeypatch.setattr(encoding, "WINDOW", 4)


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


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_as_in_memory(documents: Path, made: SpladeIndex, embedder: SpladeEmbedder) -> None:
    model = embedder.text_model
    assert model.tokens is not None
    chunks = split_documents(read_documents(documents).documents, BY_TOKENS, model)
    assert list(made.chunks) == chunks
    expected = embedder.encode([chunk.content for chunk in chunks])
    assert expected.nnz > 0
    np.testing.assert_allclose(made.vectors.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    found, _ = made.search_rows(made.vectors, 1)
    products = (made.vectors @ made.vectors.T).toarray()
    np.testing.assert_allclose(products[np.arange(len(made)), found[:, 0]], products.max(1), rtol=1e-5)
    assert made.info.chunking == Chunking(tokens=200, window=model.tokens.window)
    assert made.vocabulary == embedder.vocabulary
    assert made.info.encoder == embedder.description


def test_a_jsonl_file(embedder: SpladeEmbedder, tmp_path: Path, small: None) -> None:
    rows = [{"_id": f"d{number}", "text": sentence(number), "n": number} for number in range(9)]
    rows.insert(4, {"_id": "long", "title": "Saw", "text": f"# Saw\n\n## Blade\n\n{LONG}"})
    source = jsonl(tmp_path / "docs.jsonl", rows)
    made = index_documents(source, tmp_path / "index", embedder=embedder)
    assert (made.documents, made.skipped) == (10, [])
    assert made.precision == "fp32 (asked for)"
    assert len(made.index) > 11
    check_as_in_memory(source, made.index, embedder)
    check_as_in_memory(source, SpladeIndex.open(tmp_path / "index", verify=True), embedder)
    assert not cache_of(tmp_path / "index").exists()
    in_memory = index_documents(source, embedder=embedder)
    assert (list(in_memory.index.chunks), in_memory.documents) == (list(made.index.chunks), 10)


def test_a_folder(embedder: SpladeEmbedder, tmp_path: Path, small: None) -> None:
    docs = tmp_path / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "a.md").write_text(f"# Saw\n\n{LONG}\n\n## Password\n\n{LONG}")
    (docs / "b.txt").write_text("Reset the password.")
    (docs / "c.jsonl").write_text('{"id": "b.txt", "text": "taken id"}\n{"text": "no id"}\n')
    (docs / "sub" / "d.rst").write_text("Backups\n=======\n\nEvery night.\n")
    (docs / "e.pdf").write_bytes(b"no pdf")
    made = index_documents(docs, tmp_path / "index", embedder=embedder)
    assert made.documents == 5
    told = {type(each).__name__: each.path for each in made.skipped}
    assert told == {"Remarked": "c.jsonl", "Skipped": "e.pdf"}
    check_as_in_memory(docs, made.index, embedder)


def test_chunk_sizes_are_handed_on(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LONG)
    few, many = (
        index_documents(
            tmp_path / "a.txt",
            tmp_path / str(size),
            IndexOptions(chunking=Chunking(100, 2000, size, 0)),
            embedder=embedder,
        )
        for size in (2000, 200)
    )
    assert len(few.index) < 3 < 10 < len(many.index)
    assert "".join(chunk.text + " " for chunk in many.index.chunks).split() == LONG.split(), (
        "nothing is shared or lost"
    )


KILLED = """
import os, signal, sys
import torch
torch.set_num_threads(int(sys.argv[1]))
from splade_cli.storage.cache import Cache
from splade_cli.model import encode
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.indexing.build import index_documents
encode.WINDOW = 4
whole = Cache.put
def put(cache, space, items):
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if space.startswith("sparse"):
        written.append(1)
    whole(cache, space, items)
written = []
Cache.put = put
embedder = SpladeEmbedder(sys.argv[4], device="cpu", precision="fp32")
index_documents(sys.argv[2], sys.argv[3], embedder=embedder)
"""


def test_killed_and_run_again(
    bert_folder: Path, tmp_path: Path, small: None, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"_id": f"d{n}", "text": sentence(n)} for n in range(22)])
    embedder = SpladeEmbedder(bert_folder, device="cpu", precision="fp32")
    embedder.loaded  # noqa: B018  (may change the number of threads)
    out = tmp_path / "index"
    words = [str(torch.get_num_threads()), source, out, bert_folder]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    with Cache(cache_of(out)) as cache:
        assert cache.count(space_of(embedder.loaded)) == 2
    assert any(path.name.endswith(".tmp") for path in tmp_path.iterdir()), "killed in the middle of a segment"
    made = index_documents(source, out, embedder=embedder)
    assert sum(encoded) == 22 - 8, "finished windows are not encoded again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.jsonl", "index"], "nothing is left over"
    check_as_in_memory(source, made.index, embedder)
    index_documents(source, tmp_path / "uninterrupted", embedder=embedder)
    assert files(out) == files(tmp_path / "uninterrupted")


def test_the_cache_of_a_build_that_was_killed_at_its_very_end_goes(
    embedder: SpladeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"text": "the saw"}])
    monkeypatch.setattr(on_disk, "remove_cache", lambda path: None)
    index_documents(source, tmp_path / "index", embedder=embedder)
    monkeypatch.undo()
    assert cache_of(tmp_path / "index").exists()
    with pytest.raises(InputError, match="exists already"):
        index_documents(source, tmp_path / "index", embedder=embedder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.jsonl", "index"]


def test_what_an_interrupted_rebuild_encoded_is_kept(
    embedder: SpladeEmbedder, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"text": "the saw"}])
    index_documents(source, tmp_path / "index", embedder=embedder)

    def stop(folder: Path, batches: Any, *words: Any, **options: Any) -> None:
        next(batches)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(on_disk.storage, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            index_documents(source, tmp_path / "index", embedder=embedder, force=True)
    with pytest.raises(InputError, match="exists already"):
        index_documents(source, tmp_path / "index", embedder=embedder)
    encoded.clear()
    index_documents(source, tmp_path / "index", embedder=embedder, force=True)
    assert not encoded
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.jsonl", "index"]


def test_killed_while_the_index_was_written(
    embedder: SpladeEmbedder, tmp_path: Path, small: None, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"_id": f"d{n}", "text": sentence(n)} for n in range(10)])

    def stop(folder: Path, batches: Any, *words: Any, **options: Any) -> None:
        next(batches)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(on_disk.storage, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            index_documents(source, tmp_path / "index", embedder=embedder)
    encoded.clear()
    index_documents(source, tmp_path / "index", embedder=embedder)
    assert sum(encoded) == 6, "the first window was there"
    check_as_in_memory(source, SpladeIndex.open(tmp_path / "index"), embedder)


def test_changed_documents_are_read_again(
    embedder: SpladeEmbedder, tmp_path: Path, small: None, encoded: list[int]
) -> None:
    """What is left of a killed run is of other documents, and fewer."""
    source = jsonl(tmp_path / "docs.jsonl", [{"_id": f"d{n}", "text": sentence(n)} for n in range(10)])

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_documents(source, tmp_path / "index", embedder=embedder, progress=stop)
    jsonl(source, [{"_id": f"d{n}", "text": sentence(n + (n == 5))} for n in range(6)])
    encoded.clear()
    made = index_documents(source, tmp_path / "index", embedder=embedder)
    assert sum(encoded) == 2, "the first window is as it was"
    check_as_in_memory(source, made.index, embedder)


def test_two_processes_make_the_same_index(
    embedder: SpladeEmbedder, tmp_path: Path, small: None, encoded: list[int]
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"_id": f"d{n}", "text": sentence(n)} for n in range(14)])
    alone = index_documents(source, tmp_path / "one", embedder=embedder).index
    assert sum(encoded) == 14
    shared = index_documents(source, tmp_path / "two", IndexOptions(workers=2), embedder=embedder).index
    assert sum(encoded) == 14, "nothing is encoded in this process"
    assert list(shared.chunks) == list(alone.chunks)
    assert (shared.info, shared.vocabulary) == (alone.info, alone.vocabulary)
    np.testing.assert_allclose(shared.vectors.toarray(), alone.vectors.toarray(), rtol=1e-5, atol=1e-6)
    assert not cache_of(tmp_path / "two").exists()


def test_bad_lines_in_the_middle(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    rows = [{"_id": "a", "text": "the saw"}, '{"text": "cut', [1], {"n": 1}, "", {"text": "the blade"}]
    source = jsonl(tmp_path / "docs.jsonl", rows)
    made = index_documents(source, tmp_path / "index", embedder=embedder)
    assert [(chunk.id, chunk.text) for chunk in made.index.chunks] == [
        ("a", "the saw"),
        ("docs.jsonl#5", "the blade"),
    ]
    assert [skipped.path for skipped in made.skipped] == ["docs.jsonl"] * 3
    assert [skipped.reason.split(":")[0] for skipped in made.skipped] == ["row 2", "row 3", "row 4"]
    check_as_in_memory(source, made.index, embedder)


def test_ids_that_collide(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    """Twice the same id, and ids that look like those of another document's chunks, before and after it."""
    rows = [
        {"_id": "long::1", "text": "short one"},
        {"_id": "long", "text": LONG},
        {"_id": "long::2", "text": "short two"},
        {"_id": "x", "text": "first"},
        {"_id": "x", "text": "second"},
        {"_id": "docs.jsonl#5", "text": "third"},
    ]
    source = jsonl(tmp_path / "docs.jsonl", rows)
    made = index_documents(source, tmp_path / "index", embedder=embedder)
    assert made.documents == 6
    ids = list(made.index.ids)
    assert len(set(ids)) == len(ids) > 6
    owners = {chunk.text: chunk.document_id for chunk in made.index.chunks}
    assert (owners["short one"], owners["short two"], owners["first"]) == ("long::1", "long::2", "x")
    assert len({owners[text] for text in ("first", "second", "third")}) == 3
    assert sum(chunk.document_id == "long" for chunk in made.index.chunks) == len(ids) - 5


@pytest.mark.parametrize("content", ["", "\n \n", '{"broken\n', '{"text": " "}\n', r'"\u0000"'])
def test_no_documents(content: str, embedder: SpladeEmbedder, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text(content)
    with pytest.raises(InputError, match="no (documents|text) in .*docs.jsonl"):
        index_documents(tmp_path / "docs.jsonl", tmp_path / "index", embedder=embedder)
    assert not (tmp_path / "index").exists()


def test_a_reading_that_fails_leaves_nothing_behind(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for documents in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(InputError):
            index_documents(documents, tmp_path / "index", embedder=embedder)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_query_encoder_needs_a_folder(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    documents = jsonl(tmp_path / "a.jsonl", [{"text": "reset a password"}])
    with pytest.raises(InputError, match="only an index on disk"):
        index_documents(documents, embedder=embedder, options=IndexOptions(query=export_static))


def test_rows_added_and_removed_keep_the_query_encoder(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    documents = jsonl(tmp_path / "a.jsonl", [{"text": "reset a password"}, {"text": "the table saw"}])
    made = index_documents(
        documents, tmp_path / "index", embedder=embedder, options=IndexOptions(query=export_static)
    ).index
    fewer = made.remove([made.ids[0]])
    more = fewer.add(embedder.encode(["backups"]), ["new"], ["backups"])
    more.save(tmp_path / "other")
    opened = Searcher.open(tmp_path / "other")
    assert list(opened.engine.ids())[-1] == "new"
    assert isinstance(opened.encoder, StaticQueryEncoder)
    assert opened.encode("the table saw").nnz > 0


def test_the_output_is_looked_at_before_anything_is_read(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "mine").write_text("x")
    for force in (False, True):
        with pytest.raises(InputError, match="is not what this command writes, and holds mine"):
            index_documents(tmp_path / "nowhere", tmp_path / "index", embedder=embedder, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    (tmp_path / "index" / "mine").unlink()
    (tmp_path / "index" / "manifest.json").write_text('{"format": "splade-index", "version"')  # cut off
    with pytest.raises(InputError, match="exists already"):
        index_documents(tmp_path / "nowhere", tmp_path / "index", embedder=embedder)
    source = jsonl(tmp_path / "docs.jsonl", [{"text": "the saw"}])
    index_documents(source, tmp_path / "index", embedder=embedder, force=True)
    assert len(SpladeIndex.open(tmp_path / "index")) == 1


def test_progress_tells_every_stage_in_turn(embedder: SpladeEmbedder, tmp_path: Path, small: None) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"text": sentence(n)} for n in range(10)])
    seen: list[tuple[str, int, int | None]] = []
    index_documents(source, tmp_path / "index", embedder=embedder, progress=lambda *step: seen.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == ["read", "encode", "write"]
    for stage, last in (("read", 10), ("encode", 10), ("write", 1)):
        steps = [(done, total) for name, done, total in seen if name == stage]
        assert steps == sorted(steps, key=lambda step: step[0])
        assert steps[-1] == (last, last)
    assert {total for stage, _, total in seen if stage == "encode"} == {10}


@pytest.mark.parametrize(
    ("count", "asked", "wanted"), [(5, "auto", "fp32"), (6, "auto", "int8"), (6, "fp32", "fp32")]
)
def test_int8_is_taken_for_many_chunks_only(
    count: int, asked: str, wanted: str, bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "AUTOMATIC_FROM", 6)
    monkeypatch.setattr(automatic_precision, "int8_is_faster", lambda: True)
    monkeypatch.setattr(automatic_precision, "bf16_is_faster", lambda kind: False)
    monkeypatch.setattr(automatic_precision, "neighbours_in_common", lambda exact, other: 0.99)
    source = jsonl(tmp_path / "docs.jsonl", [{"text": sentence(n)} for n in range(count)])
    embedder = SpladeEmbedder(bert_folder, device="cpu", precision=asked)
    made = index_documents(source, tmp_path / "index", embedder=embedder)
    assert made.precision.split()[0] == wanted
    assert ("99.0% are those of fp32" in made.precision) == (wanted == "int8")
    assert made.index.info.encoder.precision == wanted
    exact = SpladeEmbedder(bert_folder, device="cpu", precision="fp32").encode(
        [sentence(n) for n in range(count)]
    )
    difference = abs(made.index.vectors - exact).max()
    assert (1e-5 < difference < 0.2) if wanted == "int8" else difference < 1e-5


def test_the_sample_is_spread_over_the_chunks(
    embedder: SpladeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "AUTOMATIC_FROM", 20)
    monkeypatch.setattr(pipeline, "PRECISION_SAMPLE", (7, 7))
    given: list[list[str]] = []
    monkeypatch.setattr(embedder, "settle_precision", given.append)
    texts = [f"{sentence(n)} {n}" for n in range(20)]
    index_documents(
        jsonl(tmp_path / "docs.jsonl", texts_as_rows(texts)), tmp_path / "index", embedder=embedder
    )
    assert given == [texts[::2]]


def texts_as_rows(texts: list[str]) -> list[dict[str, str]]:
    return [{"text": text} for text in texts]


def test_nothing_is_left_in_the_environment(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    """No file but the index folder, whatever the folder is called."""
    source = jsonl(tmp_path / "docs.jsonl", [{"text": "the saw"}])
    for name in ("index", ".hidden", "with.dots.v1"):
        index_documents(source, tmp_path / "out" / name, embedder=embedder)
    assert sorted(os.listdir(tmp_path / "out")) == [".hidden", "index", "with.dots.v1"]


def test_a_smaller_index_in_memory_is_that_of_the_folder(
    embedder: SpladeEmbedder, tmp_path: Path, small: None
) -> None:
    source = jsonl(
        tmp_path / "docs.jsonl", [{"id": f"d{number}", "text": sentence(number)} for number in range(20)]
    )
    less = IndexOptions(pruning=Pruning(9, 0.95), impacts=8)
    memory = index_documents(source, None, less, embedder=embedder).index
    folder = index_documents(source, tmp_path / "index", less, embedder=embedder).index
    full = index_documents(source, embedder=embedder).index
    expected = Pruning(9, 0.95).applied(full.vectors)
    assert memory.info == folder.info and folder.info.pruning == Pruning(9, 0.95)
    assert memory.info.impacts == folder.info.impacts == Impacts.fitting([full.vectors], 8), (
        "the step is that of all windows"
    )
    assert (memory.segments[0].stored.dtype, folder.segments[0].stored.dtype) == (np.float32, np.uint8)
    step = Impacts.fitting([full.vectors], 8).step
    for index in (memory, folder):
        assert abs(index.vectors - expected).max() <= step / 2 + 1e-5
        assert 0 < index.nonzeros <= expected.nnz < full.nonzeros
    memory.save(tmp_path / "saved")
    saved = SpladeIndex.open(tmp_path / "saved", verify=True)
    assert saved.segments[0].stored.dtype == np.uint8 and (saved.vectors != memory.vectors).nnz == 0
    with pytest.raises(InputError, match="8 or 16 bits, got 4"):
        index_documents(source, tmp_path / "no", IndexOptions(impacts=4), embedder=embedder)
    assert not (tmp_path / "no").exists()


def test_every_index_keeps_the_tokenizer_of_its_model(embedder: SpladeEmbedder, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "docs.jsonl", texts_as_rows(["the table saw", "reset the password"]))
    index = index_documents(source, tmp_path / "index", embedder=embedder).index
    assert index.tokenizer_path is not None
    tokenizer = read_tokenizer(index.tokenizer_path)
    expected = embedder.loaded.tokenizer("reset the table saw")["input_ids"]
    assert tokenizer.encode("reset the table saw").ids == expected


def test_documents_are_read_no_further_than_they_are_encoded(
    embedder: SpladeEmbedder, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window at a time beyond the opening, so that memory does not grow with the corpus."""
    monkeypatch.setattr(pipeline, "OPENING", 6)
    read: list[int] = []

    def chunks() -> Iterator[Chunk]:
        for number in range(40):
            read.append(number)
            yield Chunk(f"c{number}", f"c{number}", sentence(number))

    encoded = 0
    counted: list[str] = []
    batches = pipeline.Pipeline(embedder).batches(pipeline.Opening(chunks()), count=counted.extend)
    for batch in batches:
        encoded += len(batch.chunks)
        assert len(read) <= max(6, encoded)
        assert len(counted) == encoded
    assert encoded == 40
    assert counted == [sentence(number) for number in range(40)]


def test_impacts_read_the_documents_twice_and_encode_them_once(
    embedder: SpladeEmbedder, tmp_path: Path, small: None, encoded: list[int]
) -> None:
    source = jsonl(tmp_path / "docs.jsonl", [{"text": sentence(n)} for n in range(10)])
    seen: list[tuple[str, int, int | None]] = []
    made = index_documents(
        source,
        tmp_path / "index",
        IndexOptions(impacts=16, query=export_static),
        embedder=embedder,
        progress=lambda *step: seen.append(step),
    )
    assert sum(encoded) == 10
    assert (made.documents, len(made.index)) == (10, 10)
    assert [done for stage, done, _ in seen if stage == "read"] == [*range(1, 11), 10], "told once"
    assert made.index.encoder_folder is not None
    table = np.load(made.index.encoder_folder / "query.table.npy")
    plain = index_documents(source, tmp_path / "plain", IndexOptions(query=export_static), embedder=embedder)
    assert plain.index.encoder_folder is not None
    np.testing.assert_array_equal(table, np.load(plain.index.encoder_folder / "query.table.npy"))
