"""`splade train` on a tiny model: what it prints, where it stops before any work, what a dry run says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from splade_cli.config.keys import flatten
from splade_cli.config.schema import Config
from splade_cli.config.yaml_files import presets

Splade = Callable[..., Result]
WORDS = ("reset", "saw", "login", "blade", "night", "backups", "lathe", "code")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "train.json"
    found: list[dict[str, Any]] = [
        {"query": f"the {word}", "positive": f"about {word} and every {word}",
         "negatives": [f"about the {WORDS[(number + step) % 8]}" for step in (1, 2)]}
        for number, word in enumerate(WORDS)
    ]  # fmt: skip
    path.write_text(json.dumps(found))
    return path


@pytest.fixture
def given(bert_folder: Path, rows: Path, tmp_path: Path) -> list[object]:
    """What every run here needs."""
    return ["train", "--train-file", rows, "--val-file", rows, "-m", bert_folder, "-o", tmp_path / "run",
            "--device", "cpu", "--batch-size", 4, "--max-steps", 3]  # fmt: skip


def failed(result: Result, message: str, hint: str, code: int = 1) -> None:
    """Two lines on standard error, nothing on standard output; 2 is for a command line wrong by itself."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    error, hinted = result.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert re.search(message, error), error
    assert hinted.startswith("hint: ")
    assert re.search(hint, hinted), hinted


def test_print_config_names_every_key_once_with_its_origin(splade: Splade, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        "extends: csr\ntraining:\n  seed: 1\n  eval_steps: 5\n  max_steps: 2\n  warmup_ratio: 5e-2\n"
    )
    words = ["train", "--config", file, "--max-steps", 9, "--set", "training.seed=7"]
    words += ["--set", "datasets.a.source=b.json"]
    environment = {"SPLADE_TRAINING__EVAL_STEPS": "6", "SPLADE_TRAINING__MAX_STEPS": "3"}
    result = splade(*words, "--print-config", env=environment)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    keys = [line.split(" = ")[0] for line in lines]
    assert keys == sorted({*flatten(Config().model_dump()), "datasets.a.source"})
    for line in (
        "training.seed = 7  (setting)",
        "training.eval_steps = 6  (SPLADE_TRAINING__EVAL_STEPS)",
        "training.max_steps = 9  (flag)",
        f"training.warmup_ratio = 0.05  ({file})",
        "model.csr_hidden_dim = 4096  (preset csr)",
        "training.max_grad_norm = 1.0  (default)",
        "datasets.a.source = 'b.json'  (setting)",
    ):
        assert line in lines
    found = json.loads(splade(*words, "--print-config", "--json", env=environment).stdout)
    assert list(found) == keys
    assert found["training.seed"] == {"value": 7, "origin": "setting"}
    assert found["training.report_to"] == {"value": [], "origin": "default"}


@pytest.mark.parametrize("preset", presets())
def test_every_preset_can_be_printed(preset: str, splade: Splade) -> None:
    result = splade("train", "--preset", preset, "--print-config")
    assert result.exit_code == 0
    assert f"(preset {preset})" in result.stdout


def test_a_key_that_does_nothing_is_named_on_standard_error(splade: Splade, tmp_path: Path) -> None:
    import subprocess

    file = tmp_path / "old.yaml"
    file.write_text("model:\n  patch_sigmoid_for_sparsity: true\nhardware:\n  world_size: 4\n")
    done = subprocess.run(
        [sys.executable, "-m", "splade_cli", "train", "--config", str(file), "--print-config"],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0
    assert f"hardware.world_size ({file}) does nothing: start with torchrun" in done.stderr
    assert f"model.patch_sigmoid_for_sparsity ({file}) does nothing" in done.stderr
    assert "does nothing" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--preset", "spade"], "unknown preset 'spade'", "did you mean 'splade'"),
        (["--preset", "zzz"], "unknown preset 'zzz'", "one of csr, inference-free"),
        (["--set", "training.learning_rte=1"], r"key 'training.learning_rte' \(setting\)", "learning_rate"),
        (["--set", "seed"], "a setting is section.key=value, got 'seed'", "training.seed=7"),
        (["--set", "training.seed=[1"], r"setting training.seed: '\[1' is no value", "quote"),
        (["--set", "training.warmup_ratio=2"], r"training.warmup_ratio: .*got 2 \(setting\)", "print-config"),
        (["--loss", "cosine"], r"loss.type: .*got 'cosine' \(flag\)", "print-config"),
        (["--precision", "fp8"], "unknown precision 'fp8'", "one of fp32, bf16, fp16"),
        (["--batch-size", "0"], "batch_size must be above 0, got 0", r"default \(--batch-size\)"),
        (["--epochs", "-1"], "epochs must be above 0", "default"),
        (["--lr", "nan"], "learning_rate must be above 0, got nan", r"default \(--learning-rate\)"),
        (["--target-doc-terms", "0"], "target_doc_terms must be above 0", "default"),
        (["--negatives", "-1"], r"training.negatives_per_query: .*got -1 \(flag\)", "print-config"),
        (["--lambda-q", "0"], "query_regularizer_weight must be above 0 for splade", "print-config"),
        (
            ["--preset", "inference-free", "--lambda-q", "0.1"],
            "must be 0 for inference-free-splade",
            "print-config",
        ),
        (
            ["--preset", "inference-free", "--target-query-terms", "9"],
            "must be 0 for inference-free",
            "print-config",
        ),
        (
            ["--set", "training.report_to=wandb"],
            "training.report_to: 'wandb' is no tracker: tensorboard, mlflow or none",
            "print-config",
        ),
        (["--set", "training.metric_for_best_model=nDGC@10"], "nDGC@10", ""),
    ],
)
def test_wrong_values_are_named_and_nothing_is_written(
    words: list[str], message: str, hint: str, given: list[object], splade: Splade, tmp_path: Path
) -> None:
    failed(splade(*given, *words, "--dry-run"), message, hint, code=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--config", "none.yaml"], "no such file", ""),
        (
            [
                "--preset",
                "splade-base",
                "--set",
                "training.load_best_model_at_end=true",
                "--set",
                "training.eval_steps=2",
                "--set",
                "training.save_steps=3",
            ],
            "save_steps 3 is no multiple",
            "best",
        ),
        (["--loss", "kl"], "loss 'kl' needs rows with 'scores'", "let a teacher score them"),
        (["--device", "cuda:9"], "cuda:9", ""),
        (["--teacher", "dense:./nowhere"], "no model folder ./nowhere", "folder"),
        (["--teacher", "bm52"], "no model folder bm52", "did you mean 'bm25'"),
    ],
)
def test_what_settings_meet_is_named_and_nothing_is_written(
    words: list[str], message: str, hint: str, given: list[object], splade: Splade, tmp_path: Path
) -> None:
    failed(splade(*given, *words, "--dry-run"), message, hint)
    assert not (tmp_path / "run").exists()


def test_without_data_output_or_a_file_that_is_there(splade: Splade, rows: Path, tmp_path: Path) -> None:
    failed(splade("train", "-o", tmp_path / "run"), "no training file", "--train-file", code=2)
    failed(splade("train", "--train-file", rows), "no output folder", r"output_dir \(--output\)", 2)
    failed(splade("train", "--train-file", tmp_path / "none.json", "-o", tmp_path / "run"), "none.json", "")
    assert not (tmp_path / "run").exists()


def test_dry_run_says_what_it_would_take_and_writes_nothing(
    given: list[object], splade: Splade, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = splade(
        *given, "--accumulate", 2, "--target-doc-terms", 20, "--lambda-q", 4e-3, "--dry-run", "--json"
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["steps"], facts["rows"], facts["validation_rows"], facts["with_scores"]) == (3, 8, 8, 0)
    assert facts["architecture"] == "splade"
    assert 0 < facts["seconds_a_step"] < 60
    assert facts["minutes_of_training"] == pytest.approx(facts["seconds_a_step"] * 3 / 60, abs=0.06)
    assert 0.05 < facts["memory_in_GB"] < 64
    assert facts["device"].startswith(("cpu fp32", "cpu bf16")), "as the processor has instructions for it"
    assert facts["sparsity"] == "document: 20 terms, held by the controller; query: flops weighing 0.004"
    assert "nothing was written" in result.stderr
    assert [path for path in sorted(tmp_path.rglob("*")) if "cache" not in str(path)] == before
    epochs = splade(*[word for word in given if word not in ("--max-steps", 3)], "--epochs", 3, "--dry-run")
    assert epochs.exit_code == 0, epochs.output
    assert re.search(r"^steps +6$", epochs.stdout, re.MULTILINE), "8 rows in batches of 4, three times"
    assert "minutes of training" in epochs.stdout


def test_dry_run_asks_no_teacher(given: list[object], splade: Splade, tmp_path: Path) -> None:
    result = splade(*given, "--loss", "kl", "--teacher", "bm25", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["with_scores"] == 0
    assert not (tmp_path / "run").exists()


def test_going_on_from_nothing_is_told_and_a_plan_sees_what_is_there(
    given: list[object], splade: Splade, tmp_path: Path
) -> None:
    begun = splade(*given, "--resume", "--dry-run")
    assert begun.exit_code == 0, begun.output
    assert f"no checkpoint in {tmp_path / 'run'} to go on from" in " ".join(begun.stderr.split())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    failed(splade(*given, "--dry-run"), "exists already", "--force")


def test_a_folder_that_is_no_checkpoint(given: list[object], splade: Splade, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        failed(
            splade(*given, "--resume-from", folder),
            f"{folder} is no checkpoint",
            "RUN/checkpoints/checkpoint-100",
        )
    failed(
        splade(*given, "--set", f"training.resume_from_checkpoint={tmp_path / 'none'}"),
        "none is no checkpoint", "checkpoint-100",
    )  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_published_is_said_before_training(
    given: list[object], splade: Splade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    failed(splade(*given, "--push-to-hub", "me/model"), "token", "HF_TOKEN|login")
    failed(
        splade(*given, "--push-to-hub", "model"),
        "a repository is needed to push to, got 'model'",
        "your-name/",
    )
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_is_not_installed_is_said_before_training(
    given: list[object], splade: Splade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.training.tracking.trackers.find_spec", lambda name: None)
    for more in ([], ["--dry-run"]):
        result = splade(*given, "--set", "training.report_to=[tensorboard, mlflow]", *more)
        failed(
            result,
            "report_to asks for tensorboard and mlflow, not installed",
            r'pip install "splade-cli\[tracking\]"',
        )
    assert not (tmp_path / "run").exists()


def test_a_run_as_json_and_again(given: list[object], splade: Splade, tmp_path: Path) -> None:
    words = [*given, "--seed", 5, "--set", "evaluation.preflight=false"]
    result = splade(*words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["model"] == str(tmp_path / "run" / "final")
    assert (found["steps"], found["rows"]) == (3, 8)
    assert found["before"].keys() == found["after"].keys() >= {"nDCG@10", "query_terms", "document_terms"}
    assert f"next: splade index DOCS -o index --model {found['model']}" in result.stderr
    assert "training.seed = 5  (flag)" in (tmp_path / "run" / "origins.txt").read_text().splitlines()
    card = (tmp_path / "run" / "final" / "README.md").read_text()
    assert card.startswith("---\n")
    failed(splade(*words), "exists already", "--force")
    again = splade("train", "--config", tmp_path / "run" / "config.yaml", "-o", tmp_path / "two", "--json")
    assert again.exit_code == 0, again.output
    assert {**json.loads(again.stdout), "model": ""} == {**found, "model": ""}, (
        "the written YAML gives the same run"
    )
