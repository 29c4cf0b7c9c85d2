"""The search of one query in NumPy: the bits of the compiled loops, their refusals, and when it is chosen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.accumulators import summarise
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.postings_file import open_postings, write_postings
from splade_cli.index.engine.uncompiled import scoring
from splade_cli.index.engine.uncompiled.cleaning import summarised
from splade_cli.index.index import SpladeIndex


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As in a process that has loaded no compiled loop, and may add up anything."""
    monkeypatch.setattr(scoring, "COMPILED", "not loaded")
    monkeypatch.setattr(scoring, "BUDGET", scoring.Budget(1 << 60))
    return monkeypatch


def random(rows: int, terms: int, density: float, seed: int, *, fractions: bool, signed: bool) -> Any:
    """CSR of weights that are equal often, or hardly ever."""
    dice = np.random.default_rng(seed)
    made: Any = sp.random(rows, terms, density=density, format="csr", dtype=np.float32, random_state=dice)
    made.data = dice.gamma(1.0, 1.0, made.nnz).astype(np.float32) + np.float32(0.01)
    if not fractions:
        made.data = np.ceil(made.data)
    if signed:
        made.data *= dice.choice(np.array([-1, 1], dtype=np.float32), made.nnz)
    return made


def agree(postings: Postings, query: Any, k: int, allowed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways give the same rows and the same bits."""
    numbers, scores = postings.search(query, k, allowed=allowed)
    with monkeypatch.context() as again:
        again.setattr(scoring, "COMPILED", "splade_cli.index.engine.accumulators")
        expected = postings.search(query, k, allowed=allowed)
    assert np.array_equal(numbers, expected[0])
    assert np.array_equal(scores.view(np.int32), expected[1].view(np.int32))


@settings(max_examples=100)
@given(
    rows=st.integers(0, 300),
    terms=st.integers(1, 40),
    density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    k=st.integers(1, 350),
    fractions=st.booleans(),
    signs=st.tuples(st.booleans(), st.booleans()),
    mask=st.sampled_from([None, 0.0, 0.3, 0.9]),
    seed=st.integers(0, 10_000),
)
def test_the_bits_are_those_of_the_compiled_loops(
    uncompiled: pytest.MonkeyPatch,
    rows: int,
    terms: int,
    density: float,
    k: int,
    fractions: bool,
    signs: tuple[bool, bool],
    mask: float | None,
    seed: int,
) -> None:
    postings = Postings.build(random(rows, terms, density, seed, fractions=fractions, signed=signs[0]))
    query = random(1, terms, 0.4, seed + 1, fractions=fractions, signed=signs[1])
    allowed = None if mask is None else np.random.default_rng(seed).random(rows) < mask
    agree(postings, query, k, allowed, uncompiled)


@pytest.mark.parametrize("weights", [np.float32, np.uint8])
@pytest.mark.parametrize("k", [1, 50, 3000])
def test_several_blocks_from_a_file(
    k: int, weights: Any, tmp_path: Path, uncompiled: pytest.MonkeyPatch
) -> None:
    vectors = random(140_000, 90, 0.03, 1, fractions=False, signed=False)
    vectors.data = np.minimum(vectors.data, 200)
    with ContainerWriter(tmp_path / "one") as out:
        write_postings(out, "p.", [vectors], 90, weights=weights)
    step = 1.0 if weights is np.float32 else 0.25
    container = Container(tmp_path / "one", checksum_of(tmp_path / "one").sums)
    postings = open_postings(container, "p.", weights=weights, step=step)
    allowed = np.random.default_rng(2).random(140_000) < 0.5
    for seed in range(3):
        query = random(1, 90, 0.2, seed, fractions=True, signed=False)
        agree(postings, query, k, None, uncompiled)
        agree(postings, query, k, allowed, uncompiled)


def test_a_damaged_byte_is_never_answered_from(tmp_path: Path, uncompiled: pytest.MonkeyPatch) -> None:
    vectors = random(70_000, 300, 0.01, 3, fractions=True, signed=False)
    path = tmp_path / "one"
    with ContainerWriter(path) as out:
        write_postings(out, "p.", [vectors], 300)
    sums = checksum_of(path).sums
    content = path.read_bytes()
    query = sp.csr_matrix((np.arange(300)[None] % 5 == 0).astype(np.float32))
    expected = open_postings(Container(path, sums), "p.").search(query, 20)
    refused = 0
    for position in range(70, len(content), len(content) // 50):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            found = open_postings(Container(path, sums), "p.").search(query, 20)
        except (IndexFolderError, ValueError):
            refused += 1
        else:
            assert np.array_equal(found, expected)
    assert refused >= 5


@pytest.mark.parametrize(
    ("name", "position", "value"),
    [("starts", 1, 2**62), ("starts", 1, -1), ("rows", 0, 65535), ("weights", 0, np.nan), ("terms", 1, -5),
     ("weights", 0, np.inf), ("directory", 3, 2**31 - 1), ("directory", 3, -(2**31))],
)  # fmt: skip
def test_lies_with_right_checksums_are_not_followed(
    name: str, position: int, value: float, tmp_path: Path, uncompiled: pytest.MonkeyPatch
) -> None:
    vectors = random(66_000, 40, 0.05, 4, fractions=True, signed=False)
    with ContainerWriter(tmp_path / "whole") as out:
        write_postings(out, "p.", [vectors], 40)
    whole = Container(tmp_path / "whole")
    with ContainerWriter(tmp_path / "lie") as out:
        for each in whole.names:
            values = np.array(whole.tensor(each))
            if each == f"p.{name}":
                values[position] = value
            out.add(each, values)
    lie = Container(tmp_path / "lie", checksum_of(tmp_path / "lie").sums)
    query = sp.csr_matrix(np.ones((1, 40), dtype=np.float32))
    if name in ("terms", "directory"):
        # a term is not found any more, as by the compiled loops
        assert open_postings(lie, "p.").search(query, 5)[0].shape == (1, 5)
        return
    with pytest.raises(IndexFolderError, match="do not fit"):
        open_postings(lie, "p.").search(query, 5)


def test_wrong_input_is_named(uncompiled: pytest.MonkeyPatch) -> None:
    postings = Postings.build(random(5, 4, 0.5, 1, fractions=False, signed=False))
    one = sp.csr_matrix(np.ones((1, 4), dtype=np.float32))
    with pytest.raises(InputError, match="3 dimensions"):
        postings.search(one[:, :3], 1)
    with pytest.raises(InputError, match="mask"):
        postings.search(one, 1, allowed=np.ones(4, dtype=bool))
    with pytest.raises(InputError, match="finite"):
        postings.search(one * np.float32(np.nan), 1)


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize(
    ("terms", "weights", "message"),
    [([3, 3], [3e38, 3e38], "not finite"), ([-1, 2], [1, 1], "term -1 of 9"), ([9], [1], "term 9 of 9"),
     ([2, 1 << 30], [1, 1], "term 1073741824 of 9"), ([1 << 30, 2], [1, 1], "term 1073741824 of 9")],
)  # fmt: skip
def test_queries_that_cannot_be_put_in_order_are_refused_by_both_ways(
    terms: list[int], weights: list[float], message: str, loaded: bool, uncompiled: pytest.MonkeyPatch
) -> None:
    postings = Postings.build(random(5, 9, 0.5, 1, fractions=False, signed=False))
    if loaded:
        uncompiled.setattr(scoring, "COMPILED", "splade_cli.index.engine.accumulators")
    query = sp.csr_matrix(np.zeros((1, 9), dtype=np.float32))
    query.data = np.array(weights, dtype=np.float32)
    query.indices = np.array(terms, dtype=np.int32)
    query.indptr = np.array([0, len(terms)], dtype=np.int32)
    with pytest.raises(InputError, match=message):
        postings.search(query, 3)
    with pytest.raises(InputError, match=message):
        Postings.build(query)


@given(seed=st.integers(0, 1000), rows=st.integers(0, 4), jumbled=st.booleans())
def test_a_summary_is_that_of_the_compiled_loop(seed: int, rows: int, jumbled: bool) -> None:
    made = random(rows, 9, 0.4, seed, fractions=False, signed=bool(seed % 2))
    indices = made.indices.copy()
    if jumbled:
        np.random.default_rng(seed).shuffle(indices)
    assert summarised(made.indptr, indices, made.data) == summarise(made.indptr, indices, made.data)


def test_what_would_take_longer_than_loading_is_left_to_the_compiled_loops(
    uncompiled: pytest.MonkeyPatch,
) -> None:
    budget = scoring.Budget(3500)
    uncompiled.setattr(scoring, "BUDGET", budget)
    postings = Postings.build(sp.csr_matrix(np.ones((100, 2), dtype=np.float32)))
    one = sp.csr_matrix(np.ones((1, 2), dtype=np.float32))
    agree(postings, one, 3, None, uncompiled)
    assert budget.left == 3500 - 2 * scoring.LOOKUP - 200
    agree(postings, one, 3, None, uncompiled)
    assert budget.left == 3500 - 2 * scoring.LOOKUP - 200, "the second was compiled"


def test_the_first_query_of_a_process_loads_no_compiler(tmp_path: Path) -> None:
    vectors = random(50, 9, 0.5, 1, fractions=False, signed=False)
    SpladeIndex.from_vectors(vectors).save(tmp_path / "index")
    program = (
        "import sys, numpy as np, scipy.sparse as sp; from splade_cli.engines.local import LocalEngine\n"
        "from splade_cli.index.index import SpladeIndex\n"
        "engine = LocalEngine(SpladeIndex.open(sys.argv[1]))\n"
        "one = sp.csr_matrix(np.ones((1, 9), dtype=np.float32))\n"
        "assert engine.search(one, 3).ids[0]\n"
        "print('numba' in sys.modules)\n"
        "from splade_cli.index.engine.uncompiled import scoring\n"
        "scoring.is_kept = lambda: True\n"
        "engine.search(sp.vstack([one, one], format='csr'), 3)\n"
        "print('numba' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "index")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_a_fresh_installation_answers_before_the_search_is_compiled(tmp_path: Path) -> None:
    """One query and many, of an index from a folder and of one that was made in this process."""
    vectors = random(50, 9, 0.5, 1, fractions=False, signed=False)
    SpladeIndex.from_vectors(vectors).save(tmp_path / "index")
    program = (
        "import sys, numpy as np, scipy.sparse as sp\n"
        "from splade_cli.index.index import SpladeIndex\n"
        "opened = SpladeIndex.open(sys.argv[1])\n"
        "many = opened.vectors[:7]\n"
        "found = opened.search(many, 3)[0]\n"
        "assert 'numba' not in sys.modules\n"
        "made = SpladeIndex.from_vectors(opened.vectors)\n"
        "assert [made.search(one, 3)[0][0] for one in many] == [list(map(int, each)) for each in found]\n"
        "assert made.search(many, 3)[0] == found\n"
        "print('splade_cli.index.engine.running.answering' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "index")]
    fresh = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=fresh)
    assert done.stdout.split() == ["False"], done.stderr


@settings(max_examples=30)
@given(rows=st.integers(0, 60), count=st.integers(0, 5), k=st.integers(1, 9), signed=st.booleans())
def test_many_queries_are_answered_as_by_the_compiled_loops(
    uncompiled: pytest.MonkeyPatch, rows: int, count: int, k: int, signed: bool
) -> None:
    with uncompiled.context() as fresh:
        fresh.setattr(scoring, "is_kept", lambda: False)
        vectors = random(rows, 9, 0.4, rows, fractions=False, signed=signed)
        queries = random(count, 9, 0.5, count + 1, fractions=True, signed=signed)
        agree(Postings.build(vectors), queries, k, None, fresh)


def test_where_code_is_not_kept_more_is_added_up_before_it_is_compiled(
    uncompiled: pytest.MonkeyPatch,
) -> None:
    for kept, taken in ((True, [True, False]), (False, [True, True, True, False])):
        uncompiled.setattr(scoring, "is_kept", lambda kept=kept: kept)
        budget = scoring.Budget(10, 20)
        assert [budget.take(10) for _ in taken] == taken
