"""A collection whose answer is known: weak terms are noise, strong ones decide; so pruning helps, then hurts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.datasets.collections import Collection
from splade_cli.engines.two_step import Steps
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import per_query, run_from_rows
from splade_cli.evaluation.tuning import MEASURE, SETTINGS, Setting, Tuning, megabytes, tune
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.segment import Batch
from splade_cli.index.store.writer import IndexWriter
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.index.vectors.pruning import Pruning, keep_top
from splade_cli.records import Document

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
    """Documents of a topic share three strong terms; a query has two of them, and everything has weak noise."""
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


@pytest.fixture(scope="module")
def tuned() -> Tuning:
    documents, queries, collection = made()
    index = SpladeIndex.from_vectors(documents, [document.id for document in collection.documents])
    return tune(index, lambda texts: queries[[int(text) for text in texts]], collection, settings=GRID)


def test_figures_are_those_of_the_pruned_vectors(tuned: Tuning) -> None:
    documents, queries, collection = made()
    for row in (tuned.rows[0], tuned.rows[3]):
        vectors = (
            documents if row.setting.prune_terms is None else keep_top(documents, row.setting.prune_terms)
        )
        dense = queries.toarray() @ vectors.toarray().T
        rows = np.argsort(-dense, axis=1, kind="stable")[:, :10]
        scores = np.take_along_axis(dense, rows, axis=1)
        rows = np.where(scores > 0, rows, -1)
        run = run_from_rows(list(collection.queries), rows, scores, [d.id for d in collection.documents], 10)
        values = per_query(run, collection.qrels, [MEASURE])[MEASURE]
        assert row.figure == pytest.approx(np.mean(list(values.values())), abs=1e-9)
        assert row.terms == vectors.nnz / vectors.shape[0]


def test_the_cheapest_as_good_is_recommended(tuned: Tuning) -> None:
    full, by_flags = tuned.rows[0], {row.setting.flags(): row for row in tuned.rows}
    assert list(by_flags) == [
        "", "--impacts 16", "--prune-terms 12 --impacts 8", "--prune-terms 4", "--prune-terms 1",
        "--prune-mass 0.9", "--backend two-step=8:3",
    ]  # fmt: skip
    assert full.versus is None and full.as_good
    worse = by_flags["--prune-terms 1"]
    assert worse.versus is not None and worse.versus.significant and not worse.as_good
    assert worse.megabytes < tuned.cheapest.megabytes
    assert tuned.cheapest is by_flags["--prune-terms 4"]
    sentence = tuned.sentence()
    assert "splade index DOCS -o DIR --prune-terms 4" in sentence and f"{full.figure:.4f}" in sentence
    assert all(row.milliseconds > 0 for row in tuned.rows)
    found = json.loads(json.dumps(tuned.as_dict()))
    assert found["recommended"] == "--prune-terms 4" and len(found["rows"]) == 7


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
    assert alone.sentence().startswith("keep the full index") and "too few queries" in alone.sentence()
    quick = replace(tuned.rows[6], milliseconds=full.milliseconds / 2)
    assert "Faster, not smaller: --backend two-step=8:3" in Tuning([full, quick], full, quick, 400).sentence()


@pytest.mark.parametrize(
    "setting", [Setting(), Setting(impacts=16), Setting(prune_terms=4, impacts=8), Setting(prune_mass=0.8)]
)
def test_megabytes_are_those_of_the_files_that_a_build_writes(setting: Setting, tmp_path: Path) -> None:
    documents, _, _ = made()
    pruned = Pruning(setting.prune_terms, setting.prune_mass).applied(documents)
    impacts = None if setting.impacts is None else Impacts.fitting([pruned], setting.impacts)
    rows = [{"id": str(row)} for row in range(documents.shape[0])]
    content = storage.Content(info=IndexInfo(impacts=impacts))
    storage.write(tmp_path / "i", [Batch(rows, pruned)], content, dimensions=documents.shape[1], force=False)
    on_disk = [
        sum(path.stat().st_size for path in (tmp_path / "i").rglob(f"{kind}.*.npy"))
        for kind in ("vectors", "postings")
    ]
    stored = setting.applied(documents)
    built = Postings.build(stored)
    assert megabytes(stored, setting, built) * 1e6 == pytest.approx(sum(on_disk), abs=0.5)
    if setting == Setting():
        assert megabytes(stored, setting, built, built) * 1e6 == pytest.approx(
            sum(on_disk) + on_disk[1], abs=0.5
        )


def test_chunks_count_for_their_document_and_strangers_are_refused() -> None:
    documents, queries, collection = made()
    rows = [
        {"id": f"d{row}#{part}", "document_id": f"d{row}"} for row in range(TOPICS * EACH) for part in (0, 1)
    ]
    twice = sp.csr_matrix(np.repeat(documents.toarray(), 2, axis=0))
    index = SpladeIndex.from_vectors(twice, rows=rows)
    found = tune(index, lambda texts: queries[[int(text) for text in texts]], collection, settings=())
    assert len(found.rows) == 1 and found.rows[0].figure > 0.99
    strange = SpladeIndex.from_vectors(documents, [f"x{row}" for row in range(len(collection.documents))])
    with pytest.raises(
        InputError, match="240 of 240 judged documents are not in the index: 'd0', 'd1', 'd10'; it"
    ):
        tune(strange, lambda texts: queries, collection, settings=())
    with pytest.raises(
        InputError, match="2 of 240 judged documents are not in the index: 'd7', 'd9'; it holds 'd0'"
    ):
        tune(
            index.remove([f"d{row}#{part}" for row in (7, 9) for part in (0, 1)]),
            lambda texts: queries,
            collection,
        )
    blank = [
        replace(document, text=" ") if document.id == "d7" else document for document in collection.documents
    ]
    without = index.remove(["d7#0", "d7#1"])
    kept = replace(collection, documents=blank)
    assert (
        tune(without, lambda texts: queries[[int(text) for text in texts]], kept, settings=()).rows[0].figure
        > 0.9
    )


def test_deleted_rows_are_left_out_and_signed_weights_get_no_impacts(tmp_path: Path) -> None:
    documents, queries, collection = made()
    ids = [document.id for document in collection.documents]
    doubled = sp.vstack([documents, 2 * documents], format="csr")
    SpladeIndex.from_vectors(doubled, [*ids, *(f"gone{each}" for each in ids)]).save(tmp_path / "index")
    with IndexWriter(tmp_path / "index") as writer:
        writer.delete(np.arange(len(ids), 2 * len(ids)))
        found = tune(
            writer.index, lambda texts: queries[[int(text) for text in texts]], collection, settings=()
        )
    plain = tune(
        SpladeIndex.from_vectors(documents, ids), lambda texts: queries[[int(text) for text in texts]], collection,
        settings=(),
    )  # fmt: skip
    assert replace(found.rows[0], milliseconds=0) == replace(plain.rows[0], milliseconds=0)
    signed = documents.copy()
    signed.data[0] = -1
    mixed = tune(
        SpladeIndex.from_vectors(signed, ids), lambda texts: queries[[int(text) for text in texts]], collection,
        settings=GRID[:4],
    )  # fmt: skip
    assert [row.setting.flags() for row in mixed.rows] == ["", "--prune-terms 4", "--prune-terms 1"]


def test_an_index_that_was_made_smaller_cannot_tell_what_that_cost() -> None:
    documents, queries, collection = made()
    index = SpladeIndex.from_vectors(documents, [document.id for document in collection.documents])
    index.info = IndexInfo(pruning=Pruning(64), impacts=Impacts(8, 0.5))
    with pytest.raises(InputError, match="was built with --prune-terms 64 --impacts 8: what that costs"):
        tune(index, lambda texts: queries, collection)


def test_every_setting_of_the_grid_has_flags_of_its_own() -> None:
    assert len({setting.flags() for setting in SETTINGS}) == len(SETTINGS) and Setting() not in SETTINGS
