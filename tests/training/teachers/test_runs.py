"""Training on what gen-data wrote: batches are distilled from the teachers' run that lies beside the rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.teacher_run import TEACHER_RUN, teacher_run_beside
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import means, per_query
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.pipeline import generate
from splade_cli.model.encode import encode
from splade_cli.training.trainer import SpladeTrainer
from splade_cli.training.validation import Validation

TOPICS = ("saw", "lathe", "router", "press", "welder", "printer", "laser", "grinder", "sander", "mill")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What gen-data makes of ten documents."""
    folder = tmp_path_factory.mktemp("documents")
    for number, topic in enumerate(TOPICS):
        text = (
            f"# The {topic}\n\nThe {topic} stands in room {number} and needs coolant every week. "
            f"Before work on the {topic} put on goggles and switch it off, then clean the {topic} again."
        )
        (folder / f"{topic}.md").write_text(text)
    output = tmp_path_factory.mktemp("data") / "out"
    generate(GenerateOptions(folder, output, model=None, teacher=None))
    return output


def outline_of(base: Path, rows: Path, output: Path, **settings: str) -> dict[str, str]:
    fixed = {
        "training.max_steps": 2, "training.per_device_train_batch_size": 4, "hardware.device": "cpu",
        "evaluation.preflight": False, "training.tuned_share": 1.0,
    }  # fmt: skip
    given = {key.replace("__", "."): value for key, value in settings.items()}
    SpladeTrainer(str(base), output, rows, rows.parent / "val.json", settings={**fixed, **given}).train()
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses
    assert all(map(math.isfinite, losses)), "held-out rows have a loss as well"
    return {line["outline"]: line["is"] for line in lines if "outline" in line}


def test_the_run_has_the_scores_of_the_rows_and_of_documents_beside_them(data: Path) -> None:
    run = teacher_run_beside(data / "train.json")
    assert run is not None
    rows = [*read_examples(data / "train.json"), *read_examples(data / "val.json")]
    for row in rows:
        assert row.scores is not None
        columns = [run.documents[text] for text in (row.positive, *row.negatives)]
        scores = run.scores[run.queries[row.query]].toarray()[0]
        assert scores[columns].tolist() == pytest.approx(row.scores, abs=1e-6)
    assert max(run.scores.getnnz(axis=1)) > max(len(row.negatives) + 1 for row in rows)


def test_written_queries_learn_from_the_run_unless_they_shall_not(
    data: Path, bert_folder: Path, tmp_path: Path
) -> None:
    rows = data / "train.json"
    assert "left out" in outline_of(bert_folder, rows, tmp_path / "usual")["lists"]
    assert "lists" not in outline_of(bert_folder, rows, tmp_path / "kept", loss__source_chunk="keep")


def test_a_run_that_cannot_be_read_is_refused_before_anything_is_written(
    data: Path, bert_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train.json", "val.json", "corpus.jsonl", "queries.jsonl"):
        (folder / name).write_bytes((data / name).read_bytes())
    (folder / TEACHER_RUN).write_text("q1 Q0 somewhere\n")
    with pytest.raises(InputError, match=r"teacher\.trec: line 1"):
        outline_of(bert_folder, folder / "train.json", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_written_queries_are_judged_by_what_else_their_teachers_rank_first(data: Path) -> None:
    run = teacher_run_beside(data / "train.json")
    assert run is not None
    held_out = read_examples(data / "val.json")
    found = Validation.from_examples(held_out, runs=[run])
    assert found.sources
    for number, query in enumerate(found.queries):
        row = next(row for row in held_out if row.query == query)
        scores = run.scores[run.queries[query]].toarray()[0]
        scores[run.documents[row.positive]] = 0
        best = sorted(scores[scores > 0], reverse=True)[:10]
        grades = found.qrels[str(number)]
        if not best:
            assert list(grades.values()) == [1], "what ranks nothing else is judged by its chunk"
            assert str(number) not in found.sources
            continue
        assert sorted(grades.values(), reverse=True) == pytest.approx(best)
        assert found.documents[int(found.sources[str(number)])] == row.positive
        assert found.sources[str(number)] not in grades


def test_the_source_is_no_result_of_a_validation(data: Path, bert_folder: Path, load: Any) -> None:
    run = teacher_run_beside(data / "train.json")
    assert run is not None
    held_out = read_examples(data / "val.json")
    loaded = load(str(bert_folder))
    found = Validation.from_examples(held_out, runs=[run])
    queries, documents = (encode(loaded, rows, kind) for rows, kind in
                          ((found.queries, "query"), (found.documents, "document")))  # fmt: skip
    product = (queries @ documents.T).toarray()
    expected = {
        str(q): {str(d): float(score) for d, score in enumerate(row) if str(d) != found.sources.get(str(q))}
        for q, row in enumerate(product)
    }
    measured = found.measure(loaded, 4)
    for name, value in means(per_query(expected, found.qrels, ["nDCG@10", "MRR@10"])).items():
        assert measured[name] == pytest.approx(value, abs=1e-6)
        assert value > 0
