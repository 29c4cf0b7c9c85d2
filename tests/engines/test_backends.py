"""Other engines behind the common call, against the exact one: rows, scores, masks, and what is kept on disk."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines import backends
from splade_cli.engines.backends import BACKENDS, LIBRARIES, open_backend
from splade_cli.engines.backends.candidates import CandidateSearch, Library
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.engine.postings import Postings

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
MODULES = {"seismic": "seismic", "qdrant-edge": "qdrant_edge"}


@pytest.fixture(params=BACKENDS)
def name(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(MODULES[request.param])
    return str(request.param)


def vectors(rows: int, dimensions: int, terms: int, seed: int) -> sp.csr_matrix:
    generator = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, dimensions + 1)
    dense = np.zeros((rows, dimensions), dtype=np.float32)
    for row in dense:
        chosen = generator.choice(dimensions, terms, False, popularity / popularity.sum())
        row[chosen] = generator.lognormal(0, 0.6, terms)
    return sp.csr_matrix(dense)


DOCUMENTS, QUERIES = vectors(3000, 300, 30, 0), vectors(20, 300, 12, 1)
EXACT = Postings.build(DOCUMENTS)


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    return float(
        np.mean(
            [len(set(a[a >= 0]) & set(b)) / max(1, (b >= 0).sum()) for a, b in zip(found, exact, strict=True)]
        )
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CandidateSearch]:
    folder = tmp_path_factory.mktemp("index")
    found = {}
    for each in BACKENDS:
        try:
            found[each] = open_backend(each, DOCUMENTS, folder, identity="a")
        except InputError:
            continue
    return found


def test_nearly_the_same_rows_with_the_very_same_scores(name: str, built: dict[str, CandidateSearch]) -> None:
    exact, exact_scores = EXACT.search(QUERIES, 10)
    numbers, scores = built[name].search(QUERIES, 10)
    assert numbers.dtype == np.int64 and scores.dtype == np.float32
    assert recall(numbers, exact) > (0.95 if name == "seismic" else 0.999)
    by_row = [
        dict(zip(a.tolist(), b.tolist(), strict=True))
        for a, b in zip(*EXACT.search(QUERIES, 3000), strict=True)
    ]
    for place, row in np.ndindex(*numbers.shape):
        assert scores[place, row] == by_row[place][int(numbers[place, row])]
    assert np.all(np.diff(scores, axis=1) <= 0) and exact_scores.shape == scores.shape
    for _ in range(5):
        np.testing.assert_array_equal(built[name].search(QUERIES, 10)[0], numbers)
    for place in range(3):
        alone = built[name].search(QUERIES[place], 10, threads=1)
        np.testing.assert_array_equal(alone[0][0], numbers[place])


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_mask_is_obeyed(name: str, built: dict[str, CandidateSearch], share: float) -> None:
    allowed = np.random.default_rng(2).random(3000) < share
    exact, _ = EXACT.search(QUERIES, 10, allowed=allowed)
    numbers, _ = built[name].search(QUERIES, 10, allowed=allowed)
    assert allowed[numbers].all()
    assert recall(numbers, exact) > (0.95 if name == "seismic" and share > 0.1 else 0.999)


def test_a_mask_that_leaves_out_the_best_asks_again(name: str, built: dict[str, CandidateSearch]) -> None:
    best, _ = EXACT.search(QUERIES[0], 1200)
    allowed = np.ones(3000, dtype=bool)
    allowed[best[best >= 0]] = False
    exact, _ = EXACT.search(QUERIES[0], 10, allowed=allowed)
    numbers, _ = built[name].search(QUERIES[0], 10, allowed=allowed)
    assert (exact >= 0).all() and allowed[numbers].all()
    assert recall(numbers, exact) > (0.8 if name == "seismic" else 0.999)


def test_odd_queries_and_rows(name: str) -> None:
    rows = sp.csr_matrix(np.array([[0, 0, 0, 0], [0, 1, 2, 0], [0, 0, 1, 0]], dtype=np.float32))
    engine = open_backend(name, rows)
    queries = sp.csr_matrix(np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 5]], dtype=np.float32))
    numbers, scores = engine.search(queries, 5)
    assert numbers.tolist() == [[-1] * 5, [-1] * 5, [1, 2, -1, -1, -1]]
    assert scores[2, :2].tolist() == [2, 1] and np.isneginf(scores[0]).all()
    assert engine.search(queries[:0], 5)[0].shape == (0, 5)
    assert engine.search(queries, 2, allowed=np.zeros(3, dtype=bool))[0].tolist() == [[-1, -1]] * 3


def test_four_million_dimensions(name: str) -> None:
    generator = np.random.default_rng(3)
    columns = np.sort(generator.choice(4_000_000, 600, False)).astype(np.int32)
    wide = sp.csr_matrix((np.ones(600, np.float32), columns, np.arange(0, 601, 20)), shape=(30, 4_000_000))
    numbers, scores = open_backend(name, wide).search(wide[:5], 1)
    assert numbers[:, 0].tolist() == [0, 1, 2, 3, 4] and scores[:, 0].tolist() == [20] * 5


def test_no_rows(name: str) -> None:
    numbers, _ = open_backend(name, DOCUMENTS[:0]).search(QUERIES, 3)
    assert (numbers == -1).all()


def test_kept_in_the_index_folder_until_the_index_changes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    original = LIBRARIES[name].build
    monkeypatch.setattr(
        LIBRARIES[name], "build", lambda rows, folder: made.append(rows.shape[0]) or original(rows, folder)
    )
    expected = open_backend(name, DOCUMENTS[:50], tmp_path, identity="one").search(QUERIES, 3)
    again = open_backend(name, DOCUMENTS[:50], tmp_path, identity="one").search(QUERIES, 3)
    np.testing.assert_array_equal(again[0], expected[0])
    assert made == [50] and [path.name for path in (tmp_path / "backends").iterdir()] == [name]
    open_backend(name, DOCUMENTS[:50], tmp_path, identity="two")
    open_backend(name, DOCUMENTS[:60], tmp_path, identity="two")
    assert made == [50, 50, 60]
    assert json.loads((tmp_path / "backends" / name / "made.json").read_text())["identity"] == "two"


def test_files_that_are_gone_are_told(name: str, tmp_path: Path) -> None:
    open_backend(name, DOCUMENTS[:50], tmp_path)
    for path in sorted((tmp_path / "backends" / name).rglob("*"), reverse=True):
        if path.name not in ("made.json", "terms.npy"):
            path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(IndexFolderError, match="cannot be read"):
        open_backend(name, DOCUMENTS[:50], tmp_path)


def test_nothing_is_printed(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_backend(name, DOCUMENTS[:50], tmp_path).search(QUERIES, 3)
    assert capfd.readouterr().out == ""


def test_seismic_refuses_negative_weights_and_qdrant_takes_them() -> None:
    signed = sp.csr_matrix(np.array([[1, -2], [-1, 3]], dtype=np.float32))
    pytest.importorskip("seismic")
    pytest.importorskip("qdrant_edge")
    with pytest.raises(InputError, match="no negative weights"):
        open_backend("seismic", signed)
    queries = sp.csr_matrix(np.array([[1, 1], [0, 1]], dtype=np.float32))
    for expected, found in zip(
        Postings.build(signed).search(queries, 2),
        open_backend("qdrant-edge", signed).search(queries, 2),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- without the libraries


class Slow(Library):
    """Proposes rows by their dot products, best first, and remembers how many it was asked for."""

    package, extra = "numpy", "slow"
    asked: list[int]

    def __init__(self, folder: Path) -> None:
        self.rows, self.asked = sp.load_npz(folder / "rows.npz"), []

    @classmethod
    def build(cls, vectors: sp.csr_matrix, folder: Path) -> None:
        sp.save_npz(folder / "rows.npz", vectors)

    def propose(self, queries: sp.csr_matrix, count: int, threads: int | None) -> list[NDArray[np.int64]]:
        self.asked.append(count)
        scores = (queries @ self.rows.T).toarray()
        return [np.argsort(-each, kind="stable")[:count] for each in scores]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "slow", Slow)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("share", [None, 0.2, 0.4, 0.95])
def test_an_exact_library_gives_exact_results(share: float | None, tmp_path: Path) -> None:
    allowed = None if share is None else np.random.default_rng(5).random(3000) < share
    engine = open_backend("slow", DOCUMENTS, tmp_path)
    for expected, found in zip(
        EXACT.search(QUERIES, 25, allowed=allowed), engine.search(QUERIES, 25, allowed=allowed), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("slow")
def test_how_many_rows_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_backend("slow", DOCUMENTS)
    library = engine._library
    assert isinstance(library, Slow)
    engine.search(QUERIES, 10)
    best, _ = EXACT.search(QUERIES, 60)
    allowed = np.ones(3000, dtype=bool)
    allowed[best[0]] = False
    engine.search(QUERIES, 10, allowed=allowed)
    engine.search(QUERIES, 10, allowed=np.arange(3000) < 900)
    assert library.asked == [20, 20, 80] or library.asked[:2] == [20, 20 * 3000 // int(allowed.sum())]
    assert len(library.asked) == 3


def test_extras_are_those_of_the_project() -> None:
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    for library in LIBRARIES.values():
        assert extras[library.extra][0].startswith(library.package)


@pytest.mark.usefixtures("slow")
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown backend 'seismik'") as error:
        open_backend("seismik", DOCUMENTS)
    assert error.value.hint == "did you mean 'seismic'?"
    engine = open_backend("slow", DOCUMENTS)
    with pytest.raises(InputError, match="queries have 299 dimensions"):
        engine.search(QUERIES[:, :299], 3)
    with pytest.raises(InputError, match="mask"):
        engine.search(QUERIES, 3, allowed=np.ones(5, dtype=bool))
    with pytest.raises(InputError, match="k must be above 0"):
        engine.search(QUERIES, 0)
    monkeypatch.setattr(Slow, "package", "no-such-package")
    with pytest.raises(InputError, match="needs no-such-package") as error:
        open_backend("slow", DOCUMENTS, tmp_path)
    assert error.value.hint == 'pip install "splade-cli[slow]"'
    assert backends.FOLDER not in {path.name for path in tmp_path.iterdir()}
