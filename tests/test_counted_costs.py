"""What things cost, counted and not timed: postings, groups, forward passes, bytes, modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.index.index import SpladeIndex

ROOT = Path(__file__).resolve().parents[1]
COUNTED = """
import json

import numpy as np
import scipy.sparse as sp

from splade_cli.index.engine import topk
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.running.queries import load_loops

load_loops()
ROWS, TERMS, QUERIES = 20_000, 200, 8
topk.ROWS_PER_RESULT = 1000  # bounds are used where there are more rows to a result
counts = {}
score_groups, accumulate = topk.score_groups, topk.accumulate


def count_groups(groups, *others):
    counts["groups"] += len(groups)
    return score_groups(groups, *others)


def count_postings(slots, weights, starts, *others):
    counts["postings"] += sum(int(starts[slot + 1] - starts[slot]) for slot in slots if slot >= 0)
    return accumulate(slots, weights, starts, *others)


topk.score_groups, topk.accumulate = count_groups, count_postings
generator = np.random.default_rng(0)
share = 1 / np.arange(1, TERMS + 1)
rows = [np.unique(generator.choice(TERMS, 7, p=share / share.sum())) for _ in range(ROWS)]
bounds = np.cumsum([0, *map(len, rows)])
weights = generator.gamma(0.5, 1.0, bounds[-1]).astype(np.float32)
vectors = sp.csr_matrix((weights, np.concatenate(rows), bounds), shape=(ROWS, TERMS))
queries = sp.random(QUERIES, TERMS, density=6 / TERMS, format="csr", random_state=1, dtype=np.float32)
postings = Postings.build(vectors)
exact = -np.sort(-(queries @ vectors.T).toarray(), axis=1)
frequencies = np.bincount(vectors.indices, minlength=TERMS)
found = {"all groups": QUERIES * ROWS // 8, "all postings": int(frequencies[queries.indices].sum())}
for k in (1, 10, 100):
    counts.update(groups=0, postings=0)
    _, scores = postings.search(queries, k, threads=1)
    assert np.allclose(scores, exact[:, :k], rtol=1e-4), k
    found[str(k)] = dict(counts)
print(json.dumps(found))
"""


def run(script: str, *words: str, **more: str) -> Any:
    """The JSON that a script prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-W", "ignore", "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_few_results_score_few_groups_and_many_read_each_posting_once() -> None:
    counted = run(COUNTED, NUMBA_DISABLE_JIT="1")
    for k in ("1", "10"):
        assert counted[k]["postings"] == 0, "nothing is added up where bounds serve"
        assert 0 < counted[k]["groups"] <= counted["all groups"] / 100
    assert counted["100"] == {"groups": 0, "postings": counted["all postings"]}


def test_a_batch_of_queries_is_one_forward_pass(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_cli.search.searcher import Searcher

    texts = [f"note {number} about clay, wool and steel" for number in range(200)]
    model = embedder.loaded.model
    passes = []
    sparse_rows = type(model).sparse_rows

    def counted(self: Any, **features: Any) -> Any:
        passes.append(len(features["input_ids"]))
        return sparse_rows(self, **features)

    monkeypatch.setattr(type(model), "sparse_rows", counted)
    index = SpladeIndex.from_vectors(embedder.encode(texts), texts=texts)
    assert sum(passes) == 200
    assert len(passes) <= 4, "short texts go 64 at a time"
    passes.clear()
    searcher = Searcher.over(index, embedder)
    hits = searcher.search(["clay", "wool", "steel", "a note"], k=3)
    assert [len(found) for found in hits] == [3, 3, 3, 3]
    assert len(passes) == 1


def test_bytes_of_a_row(tmp_path: Path) -> None:
    rows, terms = 2000, 50
    generator = np.random.default_rng(0)
    columns = np.concatenate([np.sort(generator.choice(3000, terms, replace=False)) for _ in range(rows)])
    weights = generator.random(rows * terms, dtype=np.float32) + 0.1
    bounds = np.arange(0, rows * terms + 1, terms)
    vectors = sp.csr_matrix((weights, columns, bounds), shape=(rows, 3000))
    SpladeIndex.from_vectors(vectors, texts=["x" * 100] * rows).save(tmp_path / "index")
    files = [path for path in (tmp_path / "index").rglob("*") if path.is_file()]
    assert len(files) <= 8, sorted(map(str, files))
    size = sum(path.stat().st_size for path in files)
    # a weight stands in its vector (8 bytes) and in its posting list (6 bytes), with bounds beside the lists
    assert size / rows <= 18 * terms + 100 + 250


LOADED = "import json, sys; {}; print(json.dumps(sorted(sys.modules)))"
HEAVY = {"torch", "transformers", "sentence_transformers", "openai", "datasets", "mteb"}


def test_modules_of_a_start() -> None:
    door = set(run(LOADED.format("import splade_cli")))
    assert not door & {*HEAVY, "numpy", "scipy", "pydantic"}
    command = set(run(LOADED.format("import splade_cli.cli.main")))
    assert not command & {*HEAVY, "numpy", "scipy", "numba", "pydantic", "prompt_toolkit", "rich"}
    assert not {name for name in command if name.startswith("splade_cli.cli.commands")}
    assert sum(name.startswith("splade_cli") for name in command) <= 14


HELP = """
import contextlib, io, json, sys
from splade_cli.cli.main import app
with contextlib.redirect_stdout(io.StringIO()) as shown:
    try:
        app(sys.argv[1:], prog_name="splade")
    except SystemExit as end:
        assert end.code == 0
assert "Usage: splade" in shown.getvalue()
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("words", [[], ["gen-data"], ["index"], ["index", "add"], ["query"]])
def test_modules_of_help(words: list[str]) -> None:
    loaded = set(run(HELP, *words, "--help"))
    assert "typer.rich_utils" in loaded, "it is drawn as typer draws it"
    assert not loaded & {*HEAVY, "numpy", "scipy", "numba", "pydantic", "prompt_toolkit", "openai"}


SESSION = """
import contextlib, io, json, sys
from splade_cli.cli.render.session import prompt, replies
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.session import Session
session = Session(Searcher.open(sys.argv[1], few_queries=True, load=False))
session.load_ahead()
assert session.is_loading is False, "a stock model answers by itself"
session.known_mode(sys.argv[2])
session.mode = sys.argv[2]
with contextlib.redirect_stdout(io.StringIO()):
    answer = session.handle("firing clay")
    assert answer.hits
    replies.reply(answer, False)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("mode", ["bm25", "hybrid"])
def test_modules_of_the_first_answer_of_a_session(tmp_path: Path, embedder: Any, mode: str) -> None:
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.options import IndexOptions

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "kiln.md").write_text("# Kiln\n\nThe kiln fires clay at 1,060 degrees.\n")
    index_documents(tmp_path / "docs", tmp_path / "index", IndexOptions(bm25=True), embedder=embedder)
    loaded = set(run(SESSION, str(tmp_path / "index"), mode))
    assert not loaded & {*HEAVY, "numba", "llvmlite", "pydantic", "ir_measures", "sklearn", "bm25s"}


def test_modules_of_a_search_without_the_model(tmp_path: Path, embedder: Any) -> None:
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.query_encoders.static_export import export_static

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "kiln.md").write_text("# Kiln\n\nThe kiln fires clay at 1,060 degrees.\n")
    index_documents(
        tmp_path / "docs", tmp_path / "index", IndexOptions(query=export_static), embedder=embedder
    )
    script = (
        "import json, sys; from splade_cli.search.searcher import Searcher; "
        "hits = Searcher.open(sys.argv[1]).search('firing clay'); assert hits[0].terms; "
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(run(script, str(tmp_path / "index")))
    assert not loaded & {*HEAVY, "pydantic", "typer", "rich", "ir_measures", "sklearn", "pandas"}


def python_calls(action: Any) -> int:
    """Functions of Python that are called, the third time."""
    action()
    action()
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def test_python_calls_of_a_query(embedder: Any) -> None:
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.searcher import Searcher

    texts = [f"note {number} about clay, wool and steel" for number in range(100)]
    vectors = embedder.encode(texts)
    index = SpladeIndex.from_vectors(vectors, texts=texts)
    index.search(vectors[:2])  # two at once: the compiled loops are loaded
    query = vectors[3]
    one, ten = (python_calls(lambda k=k: index.search(query, k)) for k in (1, 10))
    assert ten == one, "none for a single hit"
    assert ten <= 28
    searcher = Searcher.over(index, embedder)
    encoded = searcher.encode("clay and wool")
    searcher.ranker._encode = lambda texts: encoded
    bare = SearchOptions(explain=False, texts=False, group="off")
    one, ten = (python_calls(lambda k=k: searcher.search("clay and wool", k, bare)) for k in (1, 10))
    assert ten - one <= 9 * 3, "a few for each hit more"
    assert one <= 90


def test_python_calls_of_hits_with_texts(embedder: Any) -> None:
    from splade_cli.search.explain.literal_terms import TermMatcher
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.query_encoder import ModelEncoder
    from splade_cli.search.searcher import Searcher

    words = ["a", "kiln", "fires", "clay", "and", "wool", "keeps", "a", "potter", "warm", "while", "steel"]
    texts = [" ".join(words[number % 5 :] + words[: number % 7] + [str(number)] * 30) for number in range(60)]
    vectors = embedder.encode(texts)
    index = SpladeIndex.from_vectors(vectors, texts=texts)
    index.search(vectors[:2])  # two at once: the compiled loops are loaded
    searcher = Searcher.over(index, embedder)
    assert isinstance(searcher.encoder, ModelEncoder)
    matcher = TermMatcher(searcher.encoder.tokenizer())
    searcher.hit_source.matcher = lambda: matcher
    encoded = searcher.encode("clay in a kiln")
    searcher.ranker._encode = lambda texts: encoded
    with_terms = SearchOptions(group="off")
    for options, most in ((replace(with_terms, explain=False), 20), (with_terms, 35)):
        ask = partial(searcher.search, "clay in a kiln", options=options)
        one, ten = (python_calls(partial(ask, k=k)) for k in (1, 10))
        assert (ten - one) / 9 <= most, "of each hit more; none of each term or word"
        assert one <= 200
