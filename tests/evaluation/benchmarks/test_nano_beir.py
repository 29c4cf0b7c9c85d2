"""NanoBEIR from a local copy of the dataset, against sentence-transformers' evaluator; names that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.nano_beir import MEAN, NAMES, nano_collections, nano_figures
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.model.layout import resolve

CORPUS = {
    "d1": "To reset a forgotten password, open the login page.",
    "d2": "Backups run every night and are kept for thirty days.",
    "d3": "The riving knife stands behind the blade and keeps the cut open.",
    "d4": "A password is not kept in the backups.",
    "d5": "",
}
QUERIES = {
    "q1": "forgotten password",
    "q2": "how long are backups kept",
    "q3": "a knife for the kitchen",
    "q4": "?",
}
QRELS = [("q1", "d4"), ("q2", ["d2", "d4"]), ("q3", "d1")]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out as the dataset on the hub, with one of its collections."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "nano"
    folder.mkdir()
    queries = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    corpus = [{"_id": name, "text": text} for name, text in CORPUS.items()]
    qrels = [
        {"query-id": query, "corpus-id": documents if isinstance(documents, list) else [documents]}
        for query, documents in QRELS
    ]
    card = "---\nconfigs:\n"
    for part, rows in (("corpus", corpus), ("queries", queries), ("qrels", qrels)):
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        card += f"- config_name: {part}\n  data_files:\n  - split: NanoMSMARCO\n    path: {part}.jsonl\n"
    (folder / "README.md").write_text(card + "---\n")
    return folder


def test_against_the_evaluator_of_sentence_transformers(copy: Path, embedder: Any) -> None:
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.evaluation import SparseNanoBEIREvaluator

    (collection,) = nano_collections([f"{copy}:MSMARCO"])
    assert collection.name == "NanoMSMARCO"
    assert list(collection.queries) == ["q1", "q2", "q3"], "a query without judgements is none"
    assert collection.qrels["q2"] == {"d2": 1, "d4": 1}
    system = evaluate(embedder, collection, bm25=False).systems[0]
    evaluator = SparseNanoBEIREvaluator(["msmarco"], dataset_id=str(copy), write_csv=False)
    expected = evaluator(SparseEncoder(resolve("tiny"), device="cpu"))
    figures = nano_figures({collection.name: system.figures["nDCG@10"]})
    assert figures["NanoMSMARCO_dot_ndcg@10"] == pytest.approx(expected["NanoMSMARCO_dot_ndcg@10"])
    assert figures[MEAN] == pytest.approx(expected[MEAN])
    assert 0.2 < figures[MEAN] < 1


def test_names(copy: Path, tmp_path: Path) -> None:
    for wrong, message in (("marco", "no collection 'marco'"), (f"{copy}:marco", "no collection 'marco'")):
        with pytest.raises(InputError, match=message) as caught:
            nano_collections([wrong])
        assert caught.value.hint == "did you mean 'msmarco'?"
    with pytest.raises(InputError, match="NanoBEIR: the hub cannot be reached"):
        nano_collections(["msmarco"])
    with pytest.raises(InputError, match="NanoBEIR: .*cannot be read"):
        nano_collections([f"{copy}:nq"])
    with pytest.raises(InputError, match="is no collection"):
        nano_collections([str(tmp_path)])
    assert len(NAMES) == 13


def test_another_layout(copy: Path) -> None:
    (copy / "corpus.jsonl").write_text('{"id": "d1", "text": "x"}\n')
    with pytest.raises(InputError, match="laid out otherwise than NanoBEIR: corpus has no _id"):
        nano_collections([f"{copy}:msmarco"])


def test_the_mean() -> None:
    assert nano_figures({}) == {}
    assert nano_figures({"A": 0.2, "B": 0.4})[MEAN] == pytest.approx(0.3)
