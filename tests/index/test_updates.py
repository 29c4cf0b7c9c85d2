"""Rows added, replaced, deleted and merged, against an index that is built anew; writers, readers and
kills."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index import updates
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.store.batches import Batch
from splade_cli.index.store.manifest import Manifest
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk
from tests.index.batching import batched

WIDTH = 6
WORDS = ("saw", "blade", "kiln", "clay", "loom", "wool")


def row(name: str, seed: int) -> Chunk:
    """A chunk whose text, field and document follow from a number."""
    text = " ".join(WORDS[(seed * step + step) % len(WORDS)] for step in range(1, 3 + seed % 4))
    return Chunk(name, f"doc of {name[0]}", text, metadata={"seed": seed})


def vector(seed: int) -> np.ndarray:
    """Multiples of 1/4, so that sums are exact."""
    return np.random.default_rng(seed).integers(0, 4, WIDTH).astype(np.float32) / 4


def dense(seed: int) -> np.ndarray:
    return np.array([np.cos(seed), np.sin(seed)], dtype=np.float16)


def build(folder: Path, names: list[tuple[str, int]]) -> None:
    """An index with words and dense vectors."""
    rows = [row(name, seed) for name, seed in names]
    vectors = sp.csr_matrix(
        np.array([vector(seed) for _, seed in names], dtype=np.float32).reshape(-1, WIDTH)
    )
    vectors_of_dense = np.array([dense(seed) for _, seed in names], dtype=np.float16).reshape(-1, 2)
    SpladeIndex.from_vectors(
        vectors,
        chunks=rows,
        vocabulary=list(WORDS),
        language="english",
        dense=(DenseInfo("d"), vectors_of_dense),
    ).save(folder)


def append(writer: IndexWriter, names: list[tuple[str, int]], replaced: np.ndarray | None = None) -> None:
    batches = (
        Batch([row(name, seed)], sp.csr_matrix(vector(seed)[None]), dense(seed)[None]) for name, seed in names
    )
    writer.append(batches, replaced=set() if replaced is None else set(replaced.tolist()))


def check(index: SpladeIndex, expected: list[tuple[str, int]]) -> None:
    """Everything that an index answers is as in one that was made of these rows alone."""
    live = index.live_rows()
    assert [index.chunks[int(number)] for number in live] == [row(name, seed) for name, seed in expected]
    assert len(index) == len(expected)
    assert index.documents == len({name[0] for name, _ in expected})
    vectors = np.array([vector(seed) for _, seed in expected], dtype=np.float32).reshape(-1, WIDTH)
    np.testing.assert_array_equal(index.vectors.toarray()[live], vectors)
    np.testing.assert_array_equal(index.df, (vectors != 0).sum(0))
    every = [segment.dense for segment in index.segments if segment.dense is not None]
    stacked = np.concatenate([np.empty((0, 2), np.float16), *every])
    np.testing.assert_array_equal(
        stacked[live], np.array([dense(seed) for _, seed in expected]).reshape(-1, 2)
    )
    if expected:
        mask = index.mask(parse_filter("seed >= 5"))
        assert mask[live].tolist() == [seed >= 5 for _, seed in expected]
    fresh = SpladeIndex.from_vectors(sp.csr_matrix(vectors), [name for name, _ in expected])
    queries = sp.csr_matrix(np.vstack([np.eye(WIDTH, dtype=np.float32), np.ones((1, WIDTH), np.float32)]))
    for k in (1, 3, 50):
        numbers, scores = index.search_rows(queries, k)
        wanted, wanted_scores = fresh.search_rows(queries, k)
        np.testing.assert_array_equal(scores, wanted_scores)
        np.testing.assert_array_equal(numbers, np.append(live, -1)[wanted])
    for name, _ in expected:
        assert [index.ids[int(number)] for number in index.find(name)] == [name]
    bm25 = Bm25Search.of(index.segments)
    assert len(bm25.parts) == len(index.segments)
    if expected:
        assert bm25.rows == len(expected)
        alone = Bm25Search.over([row(name, seed).text for name, seed in expected], "english")
        assert bm25.weights(WORDS) == pytest.approx(alone.weights(WORDS))


class Updates(RuleBasedStateMachine):
    """Any order of additions, replacements, deletions, merges and rebuilds, against a list."""

    @initialize(count=st.integers(1, 5))
    def start(self, count: int) -> None:
        import tempfile

        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "index"
        self.rows = [(f"{'abc'[number % 3]}{number}", number) for number in range(count)]
        self.made = count
        build(self.folder, self.rows)
        self.opened: list[tuple[SpladeIndex, list[tuple[str, int]]]] = []

    def fresh(self, count: int) -> list[tuple[str, int]]:
        numbers = range(self.made, self.made + count)
        self.made += count
        return [(f"{'abc'[number % 3]}{number}", number) for number in numbers]

    @rule(count=st.integers(1, 3))
    def add(self, count: int) -> None:
        new = self.fresh(count)
        with IndexWriter(self.folder) as writer:
            append(writer, new)
        self.rows += new

    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        if not self.rows:
            return
        old = data.draw(st.sampled_from(self.rows))
        seed = self.fresh(1)[0][1]
        with IndexWriter(self.folder) as writer:
            append(writer, [(old[0], seed)], writer.rows_of([old[0]]))
        self.rows = [each for each in self.rows if each != old] + [(old[0], seed)]

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        gone = data.draw(st.lists(st.sampled_from(self.rows), unique=True)) if self.rows else []
        with IndexWriter(self.folder) as writer:
            writer.delete(writer.rows_of([name for name, _ in gone]))
        self.rows = [each for each in self.rows if each not in gone]

    @rule()
    def delete_a_document(self) -> None:
        if self.rows:
            letter = self.rows[0][0][0]
            with IndexWriter(self.folder) as writer:
                writer.delete(writer.rows_of([f"doc of {letter}"]))
            self.rows = [each for each in self.rows if each[0][0] != letter]

    @rule()
    def merge(self) -> None:
        with IndexWriter(self.folder) as writer:
            due = len(writer.manifest.segments) > 1 or writer.manifest.deleted > 0
            assert (writer.merge() is not None) == due
            assert (len(writer.manifest.segments), writer.manifest.deleted) == (1, 0)

    @rule()
    def merge_where_due(self) -> None:
        with IndexWriter(self.folder) as writer:
            writer.merge_where_due()
            assert len(writer.manifest.segments) <= updates.MOST_SEGMENTS
            assert writer.manifest.deleted <= updates.MOST_DELETED * max(1, writer.manifest.rows)

    @rule()
    def keep_a_reader(self) -> None:
        self.opened.append((SpladeIndex.open(self.folder), list(self.rows)))

    @rule()
    def save_elsewhere(self) -> None:
        index = SpladeIndex.open(self.folder)
        index.save(self.folder.parent / "copy", force=True)
        copy = SpladeIndex.open(self.folder.parent / "copy", verify=True)
        assert (len(copy.segments), copy.alive.all()) == (1, True)
        check(copy, self.rows)

    @invariant()
    def as_expected(self) -> None:
        if hasattr(self, "folder"):
            check(SpladeIndex.open(self.folder, verify=True), self.rows)
            names = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
            assert names == {*Manifest.read(self.folder).files, "manifest.json"}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for index, rows in self.opened:
                check(index, rows)
            self.place.cleanup()


TestUpdates = Updates.TestCase
TestUpdates.settings = settings(max_examples=5, stateful_step_count=8, deadline=None, phases=[Phase.generate])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tmp_path / "index", [(f"a{number}", number) for number in range(4)])
    return tmp_path / "index"


def test_small_segments_are_merged_and_large_ones_left(folder: Path) -> None:
    """Each row is written again a few times only, though every addition is a segment of its own."""
    written: list[int] = []
    with IndexWriter(folder) as writer:
        append(writer, [(f"b{number}", number) for number in range(60)])
        for number in range(20):
            append(writer, [(f"c{number}", number)])
            merged = writer.merge_where_due()
            assert len(writer.manifest.segments) <= updates.MOST_SEGMENTS
            if merged is not None:
                written.append(writer.manifest.segments[-1].rows)
        assert max(written) < 60, "the large segment is not written again for single rows"
        assert sum(written) < 20 * 4
        check(writer.index, [*((f"a{n}", n) for n in range(4)), *((f"b{n}", n) for n in range(60)),
                             *((f"c{n}", n) for n in range(20))])  # fmt: skip


def test_a_quarter_of_deleted_rows_is_merged_away(folder: Path) -> None:
    with IndexWriter(folder) as writer:
        writer.delete(np.array([1]))
        assert writer.merge_where_due() is None
        writer.delete(np.array([3]))
        merged = writer.merge_where_due()
        assert merged == updates.Merged(before=1, after=1, dropped=2)
        check(writer.index, [("a0", 0), ("a2", 2)])
        writer.delete(np.array([0, 1]))
        assert len(writer.index.segments) == 1
        assert writer.merge_where_due() == updates.Merged(before=1, after=1, dropped=2)
        assert (len(writer.index), len(writer.index.chunks)) == (0, 0)
        append(writer, [("a9", 9)])
        check(writer.index, [("a9", 9)])


def test_what_cannot_be_added(folder: Path) -> None:
    before = Manifest.read(folder)
    one = [sp.csr_matrix(vector(7)[None])]
    for parts, names, given, message in (
        (one, ["a1"], dense(7)[None], "the id 'a1' comes twice"),
        ([sp.vstack(one * 2, format="csr")], ["n", "n"], np.vstack([dense(7)] * 2), "the id 'n' comes twice"),
        (one * 2, ["n"], dense(7)[None], "2 vectors and 1 chunks"),
        (one, ["n"], np.vstack([dense(7)] * 2), "1 vectors and 2 dense ones"),
        (one, ["n"], None, "1 vectors and 0 dense ones"),
        ([sp.csr_matrix([[np.nan] * WIDTH])], ["n"], dense(7)[None], "not finite"),
    ):
        rows = [row(name, 7) for name in names]
        batches = batched(parts, rows, None if given is None else [given])
        with IndexWriter(folder) as writer, pytest.raises(InputError, match=message):
            writer.append(batches)
        assert Manifest.read(folder) == before
    with IndexWriter(folder) as writer:
        assert {path.stem for path in (folder / "segments").iterdir()} == {"000001"}, (
            "what failed is swept away"
        )
        with pytest.raises(InputError, match="no document 'a11'") as caught:
            writer.rows_of(["a1", "a11"])
        assert "did you mean 'a1'?" in caught.value.hint


def test_a_second_writer_is_refused(folder: Path) -> None:
    script = f"""
import sys
from splade_cli.index.updates import IndexWriter
with IndexWriter({str(folder)!r}):
    print("mine", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None and first.stdout.readline() == "mine\n"
        with (
            pytest.raises(InputError, match=f"is being written by process {first.pid}") as caught,
            IndexWriter(folder),
        ):
            pass
        assert "again" in caught.value.hint
        with pytest.raises(InputError, match="is being written"):
            SpladeIndex.open(folder).save(folder, force=True)
        assert len(SpladeIndex.open(folder)) == 4, "readers are not kept out"
        first.kill()
    with IndexWriter(folder) as writer:
        writer.delete(np.array([0]))
        with pytest.raises(InputError, match="is being written"), IndexWriter(folder):
            pass
    with pytest.raises(IndexFolderError, match="no index at"), IndexWriter(folder.parent / "nothing"):
        pass
    assert not (folder.parent / "nothing").exists()


ROWS = [(f"a{number}", number) for number in range(4)]
AFTER = {
    "add": [("a0", 0), ("a1", 1), ("a3", 3), ("b0", 5), ("n1", 21), ("a2", 22)],
    "remove": [("a0", 0), ("a2", 2), ("a3", 3), ("b0", 5)],
    "merge": [*ROWS, ("b0", 5)],
    "build": [("z0", 30)],
}
MOMENTS = {"open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.mkdir", "os.truncate"}


def change(folder: Path, action: str) -> None:
    if action == "build":
        SpladeIndex.open(folder.parent / "other").save(folder, force=True)
        return
    with IndexWriter(folder) as writer:
        if action == "add":
            append(writer, [("n1", 21), ("a2", 22)], writer.rows_of(["a2"]))
        elif action == "remove":
            writer.delete(writer.rows_of(["a1"]))
        else:
            writer.merge()


def change_and_die(folder: Path, action: str, moment: int) -> int:
    """The wait status of a process that makes a change and gets SIGKILL at its file operation number
    `moment`."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1]
    seen = 0

    def watch(event: str, arguments: Any) -> None:
        nonlocal seen
        if event in MOMENTS and "site-packages" not in str(arguments):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(watch)
        change(folder, action)
        moment = 0
        (folder.parent / "moments").write_text(str(seen - 1))
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("amount", [0, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("action", AFTER)
def test_killed_at_any_moment_the_index_opens_as_before_or_after(
    action: str, amount: int, tmp_path: Path
) -> None:
    """SIGKILL at moments spread over all file operations of a change, and at each of the last ones."""
    build(tmp_path / "start", ROWS)
    with IndexWriter(tmp_path / "start") as writer:
        append(writer, [("b0", 5), ("b1", 6)])
        writer.delete(writer.rows_of(["b1"]))
    before = [*ROWS, ("b0", 5)]

    def run(name: str, moment: int) -> tuple[Path, int]:
        (tmp_path / name).mkdir()
        shutil.copytree(tmp_path / "start", tmp_path / name / "index")
        build(tmp_path / name / "other", AFTER["build"])
        return tmp_path / name / "index", change_and_die(tmp_path / name / "index", action, moment)

    folder, status = run("whole", 0)
    assert status == 0
    check(SpladeIndex.open(folder, verify=True), AFTER[action])
    moments = int((folder.parent / "moments").read_text())
    assert moments > 20
    last = moments - next_to_last(amount)
    states = set()
    for moment in sorted(
        {
            moments // 3,
            *random.Random(0).sample(range(1, moments), min(amount, moments - 1)),
            *range(last, moments),
        }
    ):
        folder, status = run(str(moment), moment)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        index = SpladeIndex.open(folder, verify=True)
        names = [index.ids[int(number)] for number in index.live_rows()]
        changed = index.generation > Manifest.read(tmp_path / "start").generation
        state = AFTER[action] if changed else before
        assert names == [name for name, _ in state]
        check(index, state)
        states.add(changed)
        with IndexWriter(folder) as writer:  # no lock is left, and what was begun is swept away
            append(writer, [("y1", 40)])
            check(writer.index, [*state, ("y1", 40)])
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert found == {*Manifest.read(folder).files, "manifest.json"}
    assert states == {True, False}


def next_to_last(amount: int) -> int:
    """So many of the last moments that some of them come before the manifest is replaced, and some after."""
    return 25 if amount > 3 else 1


def change_for_a_while(folder: Path, times: int) -> None:
    """Another process: in each generation the rows of one number stand for each other, and it says which are
    in."""
    with IndexWriter(folder) as writer:
        for number in range(100, 100 + times):
            pair = [(f"p{number}", number), (f"q{number}", number)]
            old = [f"p{number - 1}", f"q{number - 1}"]
            append(writer, pair, writer.rows_of(old) if number > 100 else None)
            if number % 3 == 0:
                writer.merge_where_due()
            if number % 7 == 0:
                writer.merge()


@pytest.mark.parametrize("times", [8, pytest.param(150, marks=pytest.mark.slow)])
def test_searching_while_another_process_writes(times: int, folder: Path) -> None:
    """Each generation holds a0 to a3 and one pair p, q of the same number: any mixture of two would show."""
    process = multiprocessing.get_context("spawn").Process(target=change_for_a_while, args=(folder, times))
    process.start()
    opened, generations = 0, set()
    query = sp.csr_matrix(np.ones((1, WIDTH), np.float32))
    try:
        while process.is_alive():
            index = SpladeIndex.open(folder)
            numbers, scores = index.search_rows(query, 50)
            rows = [index.chunks[int(number)] for number in numbers[0] if number >= 0]
            names = {each.id: each.metadata["seed"] for each in rows}
            pairs = sorted(name for name in names if name[0] in "pq")
            assert {f"a{number}" for number in range(4)} <= {*names, *ids_without_weights()}
            assert not pairs or (len(pairs) == 2 and pairs[0][1:] == pairs[1][1:] == str(names[pairs[0]]))
            for each, score in zip(rows, scores[0], strict=False):
                assert score == vector(each.metadata["seed"]).sum()
            opened += 1
            generations.add(index.generation)
    finally:
        process.join()
    assert process.exitcode == 0
    assert opened > 5 and len(generations) > 3, (opened, len(generations))
    last = 99 + times
    check(SpladeIndex.open(folder, verify=True), [*ROWS, (f"p{last}", last), (f"q{last}", last)])


def ids_without_weights() -> Iterator[str]:
    """Rows of all zeros are no result."""
    return (f"a{number}" for number in range(4) if not vector(number).any())


def test_a_reader_that_is_overtaken_reads_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge removes the segments between the reading of the manifest and the opening of the files."""
    overtaken = []
    original = Manifest.read.__func__  # type: ignore[attr-defined]

    def read(cls: Any, place: Path) -> Manifest:
        found: Manifest = original(cls, place)
        if not overtaken:
            overtaken.append(found.generation)
            with IndexWriter(folder) as writer:
                append(writer, [("b1", 9)])
                writer.merge()
        return found

    monkeypatch.setattr(Manifest, "read", classmethod(read))
    index = SpladeIndex.open(folder)
    assert overtaken == [1]
    assert index.generation == 3
    check(index, [*ROWS, ("b1", 9)])


def test_the_manifest_is_json_that_names_every_file(folder: Path) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    assert (content["format"], content["version"], content["generation"]) == ("splade-index", 4, 1)
    assert all((folder / name).stat().st_size == each["bytes"] for name, each in content["files"].items())
    endings = (".crc32", ".jsonl", ".safetensors")
    segments = [f"{each['name']}{end}" for each in content["segments"] for end in endings]
    assert sorted(os.listdir(folder / "segments")) == segments
