"""A collection whose answer is known: weak terms are noise, strong ones decide; pruning helps, then hurts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.cli.render.tuning import advice, flags
from splade_cli.datasets.collections import Collection
from splade_cli.engines.local import LocalEngine
from splade_cli.engines.two_step import Steps
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import per_query, run_of_ranking
from splade_cli.evaluation.tuning.settings import SETTINGS, Setting, TunedIndex
from splade_cli.evaluation.tuning.tune import MEASURE, Tuning, tune
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import IndexInfo
from splade_cli.index.updates import IndexWriter
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.index.vectors.pruning import Pruning, keep_top
from splade_cli.records import Chunk, Document, Ranking
from splade_cli.search.searcher import Searcher

TOPICS, EACH = 60, 4
GRID = (
    Setting(impacts=16),
    Setting(prune_terms=12, impacts=8),
    Setting(prune_terms=4),
    Setting(prune_terms=1),
    Setting(prune_mass=0.9),
    Setting(two_step=Steps(8, 3, 20)),
)


def made(seed: int = 0) -> tuple[sp.csr_matrix, sp.csr_matrix, Collection]:
    """Documents of a topic share three strong terms; a query has two of them, and all have weak noise."""
    generator = np.random.default_rng(seed)
    documents = np.zeros((TOPICS * EACH, 3 * TOPICS + 40), dtype=np.float32)
    queries = np.zeros((TOPICS, documents.shape[1]), dtype=np.float32)
    for topic in range(TOPICS):
        own = np.arange(3 * topic, 3 * topic + 3)
        documents[topic * EACH : (topic + 1) * EACH, own] = generator.uniform(1.5, 3, (EACH, 3))
        queries[topic, own[:2]] = 1
    for row in (*documents, *queries):
        row[-40:][generator.choice(40, 10, False)] += generator.uniform(0.05, 0.3, 10).astype(np.float32)
    names = [f"d{row}" for row in range(len(documents))]
    qrels = {
        f"q{topic}": {f"d{row}": 1 for row in range(topic * EACH, (topic + 1) * EACH)}
        for topic in range(TOPICS)
    }
    texts = {f"q{topic}": str(topic) for topic in range(TOPICS)}
    corpus = [Document(name, name) for name in names]
    return sp.csr_matrix(documents), sp.csr_matrix(queries), Collection("made", "test", corpus, texts, qrels)


class Known:
    """Encodes the number of a query."""

    def __init__(self, queries: sp.csr_matrix) -> None:
        self.queries = queries
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        self.asked += texts
        return self.queries[[int(text) for text in texts]]


def searcher_of(index: SpladeIndex, queries: sp.csr_matrix) -> Searcher:
    return Searcher(LocalEngine(index), Known(queries))


def ids_of(collection: Collection) -> list[str]:
    return [document.id for document in collection.documents]


@pytest.fixture(scope="module")
def tuned() -> Tuning:
    documents, queries, collection = made()
    searcher = searcher_of(SpladeIndex.from_vectors(documents, ids_of(collection)), queries)
    found = tune(searcher, collection, settings=GRID)
    assert isinstance(searcher.encoder, Known) and len(searcher.encoder.asked) == TOPICS, (
        "encoded once for all"
    )
    return found


def test_figures_are_those_of_the_pruned_vectors(tuned: Tuning) -> None:
    documents, queries, collection = made()
    names = ids_of(collection)
    for row in (tuned.rows[0], tuned.rows[3]):
        vectors = documents
        if row.setting.prune_terms is not None:
            vectors = keep_top(documents, row.setting.prune_terms)
        products = queries.toarray() @ vectors.toarray().T
        ids, scores = [], []
        for line in products:
            best = [number for number in np.argsort(-line, kind="stable")[:10] if line[number] > 0]
            ids.append([names[number] for number in best])
            scores.append(line[best].astype(np.float32))
        run = run_of_ranking(list(collection.queries), Ranking(ids, scores), 10)
        values = per_query(run, collection.qrels, [MEASURE])[MEASURE]
        assert row.figure == pytest.approx(np.mean(list(values.values())), abs=1e-9)
        assert row.terms == vectors.nnz / vectors.shape[0]


def test_the_cheapest_as_good_is_recommended(tuned: Tuning) -> None:
    full = tuned.rows[0]
    by_flags = {flags(row.setting): row for row in tuned.rows}
    assert list(by_flags) == [
        "", "--impacts 16", "--prune-terms 12 --impacts 8", "--prune-terms 4", "--prune-terms 1",
        "--prune-mass 0.9", "--backend two-step=8:3",
    ]  # fmt: skip
    assert full.versus is None and full.as_good
    worse = by_flags["--prune-terms 1"]
    assert worse.versus is not None and worse.versus.significant and not worse.as_good
    assert worse.megabytes < tuned.cheapest.megabytes
    assert tuned.cheapest is by_flags["--prune-terms 4"]
    sentence = advice(tuned)
    assert sentence.startswith("--prune-terms 4 is the smallest") and f"{full.figure:.4f}" in sentence
    assert all(row.milliseconds > 0 for row in tuned.rows)
    document: Any = json.loads(json.dumps(tuned.to_json()))
    assert (document["cheapest"], document["measure"], len(document["rows"])) == ("4 terms", MEASURE, 7)
    assert [row["name"] for row in document["rows"]] == [
        "full", "16 bits", "12 terms, 8 bits", "4 terms", "1 terms", "90% of the mass",
        "two steps, 8 and 3 terms",
    ]  # fmt: skip
    assert (
        document["rows"][4]["versus"]["p_value"] == worse.versus.p_value
        and not document["rows"][4]["as_good"]
    )


def test_a_loss_is_no_saving(tuned: Tuning) -> None:
    full = tuned.rows[0]
    row = tuned.rows[3]
    assert row.versus is not None
    chance = replace(row.versus, difference=-0.02, p_value=0.3)
    assert not replace(row, versus=chance).as_good, "a large loss that few queries cannot tell from chance"
    assert replace(row, versus=replace(chance, difference=-0.002)).as_good
    assert not replace(row, versus=replace(chance, difference=-0.002, p_value=0.01)).as_good
    assert replace(row, versus=replace(chance, difference=0.02, p_value=0.01)).as_good
    alone = Tuning([full], full, full, 40)
    assert advice(alone).startswith("keep the full index") and "too few queries" in advice(alone)
    quick = replace(tuned.rows[6], milliseconds=full.milliseconds / 2)
    assert "Faster, not smaller: --backend two-step=8:3" in advice(Tuning([full, quick], full, quick, 400))


@pytest.mark.parametrize(
    "setting", [Setting(impacts=16), Setting(prune_terms=4, impacts=8), Setting(prune_mass=0.8)]
)
def test_megabytes_are_those_that_a_build_writes(setting: Setting, tmp_path: Path) -> None:
    documents = sp.vstack([made(seed)[0] for seed in range(10)], format="csr")
    ids = [str(row) for row in range(documents.shape[0])]
    written = []
    computed = []
    for each in (Setting(), setting):
        stored = each.applied(documents)
        index = SpladeIndex.from_vectors(stored, ids)
        if each.impacts is not None:
            index.info = replace(index.info, impacts=Impacts.fitting([stored], each.impacts))
        folder = tmp_path / (each.name or "full")
        index.save(folder)
        written.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
        computed.append(TunedIndex.build(each, documents, ids).megabytes * 1e6)
    assert 0.1 * written[0] < written[0] - written[1]
    assert computed[0] - computed[1] == pytest.approx(written[0] - written[1], abs=1000)
    assert computed[0] == pytest.approx(written[0], rel=0.35), "ids, texts and heads come to it"


def test_two_steps_store_the_postings_of_both() -> None:
    documents, _, collection = made()
    setting = Setting(two_step=Steps(8, 3, 20))
    both = TunedIndex.build(setting, documents, ids_of(collection))
    full = TunedIndex.build(Setting(), documents, ids_of(collection))
    first = TunedIndex.build(Setting(prune_terms=8), documents, ids_of(collection))
    pruned = keep_top(documents, 8)
    vectors = pruned.nnz * 8 + 8 * (pruned.shape[0] + 1)
    assert both.megabytes * 1e6 == pytest.approx(
        full.megabytes * 1e6 + first.megabytes * 1e6 - vectors, abs=1
    )


def test_chunks_count_for_their_document_and_strangers_are_refused() -> None:
    documents, queries, collection = made()
    chunks = [Chunk(f"d{row}#{part}", f"d{row}", "") for row in range(TOPICS * EACH) for part in (0, 1)]
    twice = sp.csr_matrix(np.repeat(documents.toarray(), 2, axis=0))
    index = SpladeIndex.from_vectors(twice, chunks=chunks)
    found = tune(searcher_of(index, queries), collection, settings=())
    assert len(found.rows) == 1 and found.rows[0].figure > 0.99
    strange = SpladeIndex.from_vectors(documents, [f"x{name}" for name in ids_of(collection)])
    said = "240 of 240 judged documents are not in the index: 'd0', 'd1', 'd10'; it"
    with pytest.raises(InputError, match=said):
        tune(searcher_of(strange, queries), collection, settings=())
    without = index.remove([f"d{row}#{part}" for row in (7, 9) for part in (0, 1)])
    said = "2 of 240 judged documents are not in the index: 'd7', 'd9'; it holds 'd0'"
    with pytest.raises(InputError, match=said):
        tune(searcher_of(without, queries), collection)
    blank = [
        replace(document, text=" ") if document.id == "d7" else document for document in collection.documents
    ]
    without = index.remove(["d7#0", "d7#1"])
    found = tune(searcher_of(without, queries), replace(collection, documents=blank), settings=())
    assert found.rows[0].figure > 0.9


def test_deleted_rows_are_left_out_and_signed_weights_get_no_impacts(tmp_path: Path) -> None:
    documents, queries, collection = made()
    ids = ids_of(collection)
    doubled = sp.vstack([documents, 2 * documents], format="csr")
    SpladeIndex.from_vectors(doubled, [*ids, *(f"gone{each}" for each in ids)]).save(tmp_path / "index")
    with IndexWriter(tmp_path / "index") as writer:
        writer.delete(np.arange(len(ids), 2 * len(ids)))
        found = tune(searcher_of(writer.index, queries), collection, settings=())
    plain = tune(searcher_of(SpladeIndex.from_vectors(documents, ids), queries), collection, settings=())
    assert replace(found.rows[0], milliseconds=0) == replace(plain.rows[0], milliseconds=0)
    signed = documents.copy()
    signed.data[0] = -1
    mixed = tune(searcher_of(SpladeIndex.from_vectors(signed, ids), queries), collection, settings=GRID[:4])
    assert [flags(row.setting) for row in mixed.rows] == ["", "--prune-terms 4", "--prune-terms 1"]


def test_an_index_that_was_made_smaller_cannot_tell_what_that_cost() -> None:
    documents, queries, collection = made()
    index = SpladeIndex.from_vectors(documents, ids_of(collection))
    index.info = IndexInfo(pruning=Pruning(64), impacts=Impacts(8, 0.5))
    with pytest.raises(InputError, match="was built with 64 terms, 8 bits: what that costs"):
        tune(searcher_of(index, queries), collection)


def test_every_setting_of_the_grid_has_a_name_and_flags_of_its_own() -> None:
    assert len({flags(setting) for setting in SETTINGS}) == len(SETTINGS) and Setting() not in SETTINGS
    assert len({setting.name for setting in (*SETTINGS, Setting())}) == len(SETTINGS) + 1
