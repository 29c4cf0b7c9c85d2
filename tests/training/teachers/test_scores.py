"""Teachers' scores against direct predictions, their cache against kills, false negatives by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError, ModelError
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.model.crossencoder import CrossEncoderModel
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.records import Example, Ranking
from splade_cli.search.ranking import fusion
from splade_cli.storage.cache import Cache
from splade_cli.training import cached
from splade_cli.training.teachers.kinds import identity_of_teacher, kind_of
from splade_cli.training.teachers.models import CrossEncoderTeacher
from splade_cli.training.teachers.scores import DEPTH, TeacherReport, margin_scale, scaled, scored, settled
from splade_cli.training.teachers.vectors import DenseVectors, SparseVectors

ROOT = Path(__file__).resolve().parents[3]
WORDS = ["backups", "kept", "thirty", "days", "deleted", "night", "reset", "password"]
WORDS += ["forgotten", "table", "saw", "blade", "lathe", "steady", "hand", "code"]
TEXTS = [
    " ".join(WORDS[(3 * number + step * number) % len(WORDS)] for step in range(1, 9))
    for number in range(1, 25)
]
ROWS = [
    Example(
        f"{WORDS[number]} {WORDS[number + 4]}",
        TEXTS[number],
        tuple(TEXTS[number + 1 : number + 2 + number % 3]),
    )
    for number in range(10)
]
BARE, CARRIED = Example("no negatives", "a text"), Example("carried", "p", ("n",), (3.0, 2.0))


def score(
    rows: list[Example], teachers: list[str], folder: Path, batch_size: int = 32, **options: Any
) -> tuple[list[Example], TeacherReport]:
    """`scored` on the CPU, with its cache in `folder`."""
    with Cache(folder / "cache.sqlite3") as cache:
        return scored(rows, teachers, cache, ModelOptions(device="cpu", batch_size=batch_size), **options)


@pytest.fixture
def teachers(cross_encoder: Path, dense: Path, bert_folder: Path) -> dict[str, str]:
    return {
        "cross-encoder": str(cross_encoder),
        "dense": str(dense),
        "sparse": str(bert_folder),
        "bm25": "bm25",
    }


def by_hand(kind: str, name: str, rows: list[Example]) -> list[list[float]]:
    """Scores of each row's documents by the library itself, one row at a time."""
    found = []
    documents = list(dict.fromkeys(text for row in rows for text in (row.positive, *row.negatives)))
    for row in rows:
        texts = [row.positive, *row.negatives]
        if kind == "cross-encoder":
            import torch
            from sentence_transformers import CrossEncoder

            model = CrossEncoder(name, device="cpu", activation_fn=torch.nn.Identity())
            found.append(model.predict([(row.query, text) for text in texts]).tolist())
        elif kind == "dense":
            from sentence_transformers import SentenceTransformer

            encoder = SentenceTransformer(name, device="cpu")
            found.append(encoder.similarity(encoder.encode(row.query), encoder.encode(texts))[0].tolist())
        elif kind == "sparse":
            embedder = SpladeEmbedder(name, device="cpu", precision="fp32")
            products = embedder.encode([row.query], "query") @ embedder.encode(texts).T
            found.append(products.toarray()[0].tolist())
        else:
            places, scores = Bm25Search.over(documents).search([row.query], len(documents))
            every = dict(zip(places[0].tolist(), scores[0].tolist(), strict=True))
            found.append([every.get(documents.index(text), 0.0) for text in texts])
    return found


@pytest.mark.parametrize("kind", ["cross-encoder", "dense", "sparse", "bm25"])
def test_raw_scores_are_those_of_the_model(kind: str, teachers: dict[str, str], tmp_path: Path) -> None:
    rows = ROWS[:4]
    result, report = score(rows, [teachers[kind]], tmp_path, raw=True, batch_size=3)
    for made, row, expected in zip(result, rows, by_hand(kind, teachers[kind], rows), strict=True):
        assert made.scores == pytest.approx(expected, abs=2e-4)
        assert replace(made, scores=None) == row
    assert (report.scored, report.carried, report.bare) == (4, 0, 0)


@pytest.mark.parametrize("kind", ["cross-encoder", "dense", "sparse", "bm25"])
def test_scaled_scores_keep_the_order_and_the_second_run_computes_nothing(
    kind: str, teachers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, first = score(ROWS, [teachers[kind]], tmp_path, raw=True)
    monkeypatch.setattr(SparseVectors, "encode", None)
    monkeypatch.setattr(DenseVectors, "encode", None)
    monkeypatch.setattr(CrossEncoderTeacher, "_score", None)
    result, second = score(ROWS, [teachers[kind]], tmp_path)
    assert (first.reused, second.computed, second.reused) == (0, 0, first.computed)
    for plain, made in zip(raw, result, strict=True):
        assert plain.scores is not None and made.scores is not None
        assert min(made.scores) >= 0 and max(made.scores) <= 1
        order = np.argsort(plain.scores, kind="stable")
        assert np.all(np.diff(np.array(made.scores)[order]) >= 0)


def test_an_ensemble_is_the_mean_of_its_teachers(teachers: dict[str, str], tmp_path: Path) -> None:
    names = list(teachers.values())
    together, report = score(ROWS, names, tmp_path)
    alone = [score(ROWS, [name], tmp_path)[0] for name in names]
    for place, made in enumerate(together):
        assert made.scores == pytest.approx(np.mean([rows[place].scores or () for rows in alone], axis=0))
    assert report.teachers == tuple(names)


def test_rows_without_negatives_and_rows_with_scores_stay(teachers: dict[str, str], tmp_path: Path) -> None:
    rows = [BARE, *ROWS[:2], CARRIED]
    result, report = score(rows, [teachers["sparse"]], tmp_path, false_negatives="relabel")
    assert (result[0], result[3]) == (BARE, CARRIED)
    assert all(row.scores is not None for row in result[1:3])
    assert (report.scored, report.carried, report.bare) == (2, 1, 1)
    again, report = score(rows, [teachers["sparse"]], tmp_path, rescore=True)
    assert again[0] == BARE and again[3].scores != CARRIED.scores
    assert (report.scored, report.carried, report.bare) == (3, 0, 1)
    assert score([BARE], ["bm25"], tmp_path)[0] == [BARE]
    assert score([], ["bm25"], tmp_path)[0] == []


def test_the_scale() -> None:
    background = np.arange(1000.0)
    assert scaled(np.array([999.0, 900.0, 949.5, 3.0]), background) == pytest.approx([1, 0, 0.5, 0], abs=0.02)
    assert scaled(np.array([2000.0, 902.0]), background) == pytest.approx([1, 0], abs=1e-3)
    # two documents that are as bad as any do not become 1 and 0
    assert scaled(np.array([10.1, 10.0]), background).tolist() == [0, 0]
    assert scaled(np.array([4.0, 2.0, 3.0]), np.array([])).tolist() == [1, 0, 0.5]
    assert scaled(np.array([4.0, 4.0]), np.array([])).tolist() == [0, 0]


def test_the_scale_is_that_of_mined_negatives() -> None:
    scores = np.random.default_rng(0).normal(size=500)
    order = np.argsort(-scores)[:DEPTH]
    ids, table = fusion.scaled([Ranking([[str(row) for row in order]], [scores[order]])], 0)
    ranking = dict(zip(ids, table[:, 0], strict=True))
    # own documents count once more, which moves the end of the scale by as many ranks
    own = order[[0, 5, 30]]
    assert scaled(scores[own], np.delete(scores, own)) == pytest.approx(
        [ranking[str(row)] for row in own], abs=1e-6
    )


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=8), st.lists(st.floats(-50, 50, width=32)))
def test_the_scale_keeps_order(own: list[float], background: list[float]) -> None:
    made = scaled(np.array(own), np.array(background))
    assert ((made >= 0) & (made <= 1)).all()
    assert np.all(np.diff(made[np.argsort(own, kind="stable")]) >= 0)


def row_of(count: int) -> Example:
    """A row whose document i is named d<i>, with a note of its own for each negative."""
    names = tuple(f"d{number}" for number in range(1, count))
    return Example("q", "d0", names, strategies=tuple(f"s-{name}" for name in names), chunk_id="c")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=7), st.sampled_from(["keep", "drop", "relabel"]))
def test_false_negatives(scores: list[float], treatment: Any) -> None:
    row = row_of(len(scores))
    made, counts = settled(row, np.array(scores), treatment)
    false = [f"d{n}" for n, score in enumerate(scores) if n and score > 0 and score >= 0.95 * scores[0]]
    assert counts["false_negatives"] == len(false)
    assert counts["beaten"] == (max(scores) > scores[0])
    by_name = {f"d{number}": score for number, score in enumerate(scores)}
    documents = (made.positive, *made.negatives)
    if made.scores is not None:
        assert made.scores == tuple(by_name[name] for name in documents), "a score stays with its document"
    for name, note in zip(made.negatives, made.strategies, strict=True):
        assert note == ("" if name == "d0" else f"s-{name}")
    if treatment == "keep":
        assert documents == (row.positive, *row.negatives)
    elif treatment == "drop":
        assert documents == tuple(name for name in (row.positive, *row.negatives) if name not in false)
        assert counts["removed"] == len(false)
        assert (made.scores is None) == (not made.negatives)
    else:
        assert sorted(documents) == sorted(by_name)
        assert by_name[made.positive] == max(scores)
        assert counts["swapped"] == (made.positive != "d0")
        assert sum(name != f"d{place}" for place, name in enumerate(documents)) in (0, 2), (
            "two change places, or none"
        )
    assert (made.query, made.chunk_id) == ("q", "c")


def test_notes_of_another_length_are_left_alone() -> None:
    row = replace(row_of(3), explanations=("one for all",))
    made, _ = settled(row, np.array([0.5, 0.9, 0.1]), "relabel", np.array([-1.0, 4.0, -9.0]))
    assert made.explanations == ("one for all",)
    assert (made.positive, made.negatives, made.scores) == ("d1", ("d0", "d2"), (4.0, -1.0, -9.0))


def test_false_negatives_are_counted_over_rows(tmp_path: Path) -> None:
    rows = [
        Example("steady hand", "a code", ("the steady hand", "no word of it")),
        Example("code", "code", ("blade",)),
    ]
    result, report = score(rows, ["bm25"], tmp_path, false_negatives="relabel")
    assert result[0].positive == "the steady hand" and result[0].negatives == ("a code", "no word of it")
    assert result[1].positive == "code"
    assert (report.false_negatives, report.beaten, report.swapped, report.removed) == (1, 1, 1, 0)
    result, report = score(rows, ["bm25"], tmp_path, false_negatives="drop")
    assert result[0].negatives == ("no word of it",)
    assert (report.removed, report.swapped) == (1, 0)


def test_kinds_are_read_from_the_folder(teachers: dict[str, str], bert_folder: Path, tmp_path: Path) -> None:
    for kind in ("cross-encoder", "dense", "sparse"):
        assert kind_of(teachers[kind])[0] == kind
        assert kind_of(f"{kind}:some/where") == (kind, "some/where")
    assert kind_of("bm25") == ("bm25", "")
    assert kind_of("tiny")[0] == "sparse"
    assert kind_of("all-MiniLM-L6-v2") == ("dense", "all-MiniLM-L6-v2")
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "config.json").write_text(json.dumps({"architectures": ["BertForTokenClassification"]}))
    with pytest.raises(ModelError, match="cannot tell what kind .*BertForTokenClassification"):
        kind_of(str(odd))
    with pytest.raises(ModelError, match="no model folder bm52") as caught:
        kind_of("bm52")
    assert "bm25" in caught.value.hint
    for name in ("dense:", "bm25:x"):
        with pytest.raises(InputError, match="is no teacher"):
            kind_of(name)
    with pytest.raises(ModelError, match="no trained scoring head: it is BertForMaskedLM"):
        CrossEncoderModel(str(bert_folder), ModelOptions(device="cpu"))


def test_a_classifier_is_refused(cross_encoder: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path / "nli"
    shutil.copytree(cross_encoder, folder)
    BertForSequenceClassification(BertConfig.from_pretrained(cross_encoder, num_labels=3)).save_pretrained(
        folder
    )
    with pytest.raises(ModelError, match="3 labels a pair"):
        CrossEncoderModel(str(folder), ModelOptions(device="cpu"))


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no teacher named"):
        score(ROWS, [], tmp_path)
    with pytest.raises(InputError, match="raw scores of 2 teachers"):
        score(ROWS, ["bm25", "tiny"], tmp_path, raw=True)
    with pytest.raises(InputError, match="'dorp'"):
        score(ROWS, ["bm25"], tmp_path, false_negatives="dorp")  # type: ignore[arg-type]


def test_other_weights_are_another_teacher(cross_encoder: Path, tmp_path: Path) -> None:
    other = tmp_path / cross_encoder.name
    shutil.copytree(cross_encoder, other)
    identity = identity_of_teacher("cross-encoder", str(cross_encoder))
    assert identity_of_teacher("cross-encoder", str(other)) == identity, "the same weights elsewhere"
    assert identity_of_teacher("dense", str(other)) != identity
    with open(other / "model.safetensors", "r+b") as file:
        file.seek(-4, 2)
        file.write(b"\1\2\3\4")
    assert identity_of_teacher("cross-encoder", str(other)) != identity


def lengths(teacher: Any, pairs: Any) -> list[bytes]:
    """In the place of a model, which takes seconds to load."""
    return [np.float32(len(query) * 0.1 - len(text)).tobytes() for query, text in pairs]


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "WINDOW", 4)
    monkeypatch.setattr(CrossEncoderTeacher, "_score", lengths)


def test_a_killed_run_goes_on(cross_encoder: Path, tmp_path: Path, without_model: None) -> None:
    whole, report = score(ROWS, [str(cross_encoder)], tmp_path / "whole")
    script = f"""
import os, signal
from pathlib import Path
from tests.training.teachers.test_scores import ROWS, CrossEncoderTeacher, cached, lengths, score
windows = []
def killed(teacher, window):
    windows.append(window)
    if len(windows) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return lengths(teacher, window)
cached.WINDOW, CrossEncoderTeacher._score = 4, killed
score(ROWS, [{str(cross_encoder)!r}], Path({str(tmp_path / "cut")!r}))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == -9, ended.stderr
    seen: list[tuple[str, int, int | None]] = []
    resumed, after = score(
        ROWS, [str(cross_encoder)], tmp_path / "cut", progress=lambda *each: seen.append(each)
    )
    assert after.reused in (9, 12), "three windows, of which one may be the last, which is shorter"
    assert after.reused + after.computed == report.computed
    assert seen[0][0] == f"teacher {cross_encoder}"
    assert after.reused < (seen[0][1] or 0) <= after.reused + 4
    assert resumed == whole


def test_a_damaged_score_is_computed_again(cross_encoder: Path, tmp_path: Path, without_model: None) -> None:
    whole, report = score(ROWS, [str(cross_encoder)], tmp_path)
    with sqlite3.connect(tmp_path / "cache.sqlite3") as connection:
        connection.execute("UPDATE entries SET value = x'00000000' WHERE rowid IN (2, 5)")
    again, after = score(ROWS, [str(cross_encoder)], tmp_path)
    assert (after.computed, after.reused) == (2, report.computed - 2)
    assert again == whole


def test_two_at_once_give_the_same_and_share_what_they_compute(
    cross_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_model: None
) -> None:
    """The second begins when the first has computed half, and ends before the first goes on."""
    alone, report = score(ROWS, [str(cross_encoder)], tmp_path / "alone")
    windows: list[int] = []
    second: list[tuple[list[Example], TeacherReport]] = []

    def interrupted(teacher: Any, window: Any) -> list[bytes]:
        windows.append(len(window))
        if len(windows) == report.computed // 8 and not second:
            monkeypatch.setattr(CrossEncoderTeacher, "_score", lengths)
            second.append(score(ROWS, [str(cross_encoder)], tmp_path / "both"))
            monkeypatch.setattr(CrossEncoderTeacher, "_score", interrupted)
        return lengths(teacher, window)

    monkeypatch.setattr(CrossEncoderTeacher, "_score", interrupted)
    first, after = score(ROWS, [str(cross_encoder)], tmp_path / "both")
    assert first == second[0][0] == alone
    assert after.computed + second[0][1].computed == report.computed + windows[-1], (
        "one window was in the making"
    )
    assert len(windows) == report.computed // 8, "the first found the rest in the cache"


def test_a_cache_that_is_none_is_kept_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache.sqlite3").write_text("my notes, which are no database at all " * 100)
    score(ROWS, ["bm25"], tmp_path)
    assert (tmp_path / "cache.sqlite3.damaged").read_text().startswith("my notes")
    assert "cache.sqlite3" in caplog.text


def test_margins_are_brought_to_the_size_of_the_students(bert_folder: Path) -> None:
    embedder = SpladeEmbedder(str(bert_folder), precision="fp32")
    products = by_hand("sparse", str(bert_folder), ROWS)
    same = [replace(row, scores=tuple(scores)) for row, scores in zip(ROWS, products, strict=True)]
    assert margin_scale(same, embedder.encode) == pytest.approx(1, rel=1e-4)
    third = [replace(row, scores=tuple(score / 3 + 5 for score in row.scores or ())) for row in same]
    assert margin_scale([BARE, *third], embedder.encode) == pytest.approx(3, rel=1e-4)
    flat = [replace(row, scores=(0.5,) * (1 + len(row.negatives))) for row in ROWS]
    assert margin_scale(flat, embedder.encode) == 1.0
    assert margin_scale([BARE], embedder.encode) == 1.0


def test_no_model_is_imported_before_it_is_needed() -> None:
    script = (
        "import sys, splade_cli.training.teachers.scores\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    assert out.stdout.strip() == "[]"


def test_progress_reaches_its_end(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    name = str(make_folder("bert"))
    score(
        ROWS,
        [name, "bm25"],
        tmp_path,
        progress=lambda stage, *counts: seen.update({stage: counts}),
    )
    assert set(seen) == {f"teacher {name}", f"scores of {name}", "scores of bm25"}
    assert all(done == total for done, total in seen.values())
