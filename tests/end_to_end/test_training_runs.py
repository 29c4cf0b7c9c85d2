"""Training as it is stopped and split in practice: kill -9, Ctrl-C, two processes, no memory, no finite
loss."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

pytestmark = pytest.mark.slow
WORDS = ("reset", "saw", "login", "blade", "night", "backups", "lathe", "code")
STEPS, EVERY = 40, 10
VARIANTS = {
    "splade": [
        "--set",
        "loss.document_regularizer=df_flops",
        "--set",
        "loss.query_regularizer=equipartition",
    ],
    "controller": ["--target-doc-terms", "40", "--target-query-terms", "20"],
    "inference-free": ["--preset", "inference-free", "--target-doc-terms", "40"],
}
Words = list[str]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two shapes: with the scores of a teacher, and without."""
    folder = tmp_path_factory.mktemp("rows")
    found: list[dict[str, Any]] = []
    for number in range(48):
        word = WORDS[number % 8]
        negatives = [f"about the {WORDS[(number + step) % 8]} {number + step}" for step in (1, 2)]
        row = {
            "query": f"the {word} {number}",
            "positive": f"about {word} in {number}",
            "negatives": negatives,
        }
        found.append({**row, "scores": [1.0, 0.4, 0.1]} if number % 3 else row)
    (folder / "train.json").write_text(json.dumps(found))
    (folder / "val.json").write_text(json.dumps(found[:8]))
    return folder


@pytest.fixture(scope="module")
def given(bert_folder: Path, rows: Path) -> Words:
    """What every run here needs, but its output."""
    return [
        "train", "--train-file", str(rows / "train.json"), "--val-file", str(rows / "val.json"), "-m", str(bert_folder),
        "--device", "cpu", "--lr", "1e-3", "--set", "evaluation.preflight=false", "--json",
    ]  # fmt: skip


def paced(steps: int = STEPS, every: int = EVERY) -> Words:
    return [
        "--batch-size",
        "4",
        "--max-steps",
        str(steps),
        "--eval-steps",
        str(every),
        "--set",
        "training.logging_steps=1",
        "--set",
        "training.bf16=false",  # equal bits are asked for
    ]


def begun(folder: Path, words: Words, *before: str) -> subprocess.Popen[str]:
    """`splade ...` in a process of its own, one thread; both outputs go to files beside the run folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    launcher = list(before) or [sys.executable]
    with open(f"{folder}.out", "w") as out, open(f"{folder}.err", "w") as err:
        command = [*launcher, "-m", "splade_cli", *words, "-o", str(folder)]
        return subprocess.Popen(command, stdout=out, stderr=err, env=environment, text=True)


def ended(process: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    """The facts of a run that must succeed."""
    code, said = process.wait(timeout=400), Path(f"{folder}.err").read_text()
    assert code == 0, said
    assert "Traceback" not in said
    facts: dict[str, Any] = json.loads(Path(f"{folder}.out").read_text())
    return facts


def until(process: subprocess.Popen[str], ready: Callable[[], bool], folder: Path) -> None:
    """Waits; the process must still be at work when `ready`."""
    limit = time.monotonic() + 300
    while not ready() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    assert process.poll() is None, Path(f"{folder}.err").read_text()


def saved(folder: Path) -> bool:
    """Whether a whole checkpoint is there."""
    return bool(list((folder / "checkpoints").glob("checkpoint-*/trainer_state.json")))


def went_on(folder: Path) -> bool:
    """Whether a step after the first checkpoint was logged."""
    return saved(folder) and any(step > EVERY for step, _ in losses(folder))


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in metrics(folder) if "loss" in row and "grad_norm" in row]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.parent.name}/{name}": value
        for path in sorted((folder / "final").rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def same(one: Path, other: Path) -> None:
    """Equal final weights, and equal losses at equal steps, each once."""
    expected, found = weights(one), weights(other)
    assert found.keys() == expected.keys()
    assert expected
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6, msg=name)
    assert (
        [step for step, _ in losses(other)] == [step for step, _ in losses(one)] == list(range(1, STEPS + 1))
    )
    assert [loss for _, loss in losses(other)] == pytest.approx([loss for _, loss in losses(one)], rel=1e-5)


@pytest.fixture(scope="module")
def whole(given: Words, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], subprocess.Popen[str]]:
    """``whole(variant)``: an uninterrupted run that has begun, one a variant; its folder is `.folder`."""
    folder = tmp_path_factory.mktemp("whole")
    runs: dict[str, Any] = {}

    def run(variant: str) -> Any:
        if variant not in runs:
            runs[variant] = begun(folder / variant, [*given, *paced(), *VARIANTS[variant]])
            runs[variant].folder = folder / variant
        return runs[variant]

    return run


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_and_resumed_gives_the_same_weights(
    variant: str, given: Words, whole: Any, tmp_path: Path
) -> None:
    folder, words = tmp_path / "run", [*given, *paced(), *VARIANTS[variant]]
    process = begun(folder, words)
    expected = whole(variant)
    until(process, lambda: went_on(folder), folder)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "final").exists()
    facts = ended(begun(folder, [*words, "--resume"]), folder)
    uninterrupted = ended(expected, expected.folder)
    restarts = [row["step"] for row in metrics(folder) if set(row) == {"step", "max_steps", "seconds"}]
    assert restarts[0] == 0
    assert restarts[1] >= EVERY, "the second run starts at a checkpoint"
    assert {**facts, "model": ""} == {**uninterrupted, "model": ""}
    same(expected.folder, folder)


def test_ctrl_c_keeps_a_checkpoint(given: Words, whole: Any, tmp_path: Path) -> None:
    folder, words = tmp_path / "run", [*given, *paced(), *VARIANTS["splade"]]
    process = begun(folder, words)
    expected = whole("splade")
    until(process, lambda: (folder / "metrics.jsonl").exists() and len(losses(folder)) > 2, folder)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=600) == 130
    said = Path(f"{folder}.err").read_text()
    assert "interrupted" in said
    assert "--resume" in said
    assert "Traceback" not in said
    assert saved(folder)
    ended(begun(folder, [*words, "--resume"]), folder)
    ended(expected, expected.folder)
    same(expected.folder, folder)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def two(folder: Path, words: Words) -> subprocess.Popen[str]:
    """The same command in two processes that train together."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return begun(folder, words, *launcher, "--master-port", str(free_port()))


SPARSER = ["--lambda-d", "0.3", "--lambda-q", "0.3", "--set", "training.tuned_share=1", "--loss",
           "contrastive", "--set", "training.load_best_model_at_end=false"]  # fmt: skip


@pytest.fixture(scope="module")
def together(given: Words, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run in two processes, and one in one process with batches of twice the size."""
    folder = tmp_path_factory.mktemp("together")
    words = [*given, "--max-steps", "30", "--eval-steps", "10", *SPARSER]
    first = two(folder / "two", [*words, "--batch-size", "4"])
    second = begun(folder / "one", [*words, "--batch-size", "8"])
    found = {"one": ended(second, folder / "one"), "two": ended(first, folder / "two")}
    return {"folder": folder, "words": [*words, "--batch-size", "4"], **found}


def test_two_processes_make_one_model_as_sparse_as_one(together: Any, stock: Any) -> None:
    one, pair = together["one"], together["two"]
    assert pair["steps"] == one["steps"] == 30
    before = one["before"]["document_terms"]
    assert pair["before"] == one["before"]
    for kind in ("document_terms", "query_terms"):
        assert pair["after"][kind] == pytest.approx(one["after"][kind], rel=0.05)
    assert one["after"]["document_terms"] < 0.9 * before, "or there is nothing to compare"
    encoder = stock(together["folder"] / "two" / "final")
    assert encoder.encode_document(["about reset in 8"], convert_to_sparse_tensor=False).any()


def test_the_first_of_two_processes_speaks_for_both(together: Any) -> None:
    said = Path(f"{together['folder'] / 'two'}.err").read_text()
    assert said.count("next: splade index") == 1
    assert said.count("before     nDCG@10") == 1
    assert not [path for path in (together["folder"] / "two").iterdir() if path.name.startswith(".")]


def test_two_processes_write_every_row_once(together: Any) -> None:
    found = [
        {key: row[key] for key in row if key not in ("seconds", "runtime")}
        for row in metrics(together["folder"] / "two")
    ]
    assert [row for number, row in enumerate(found) if row in found[:number]] == []
    assert len([row for row in found if row.get("stage") == "before"]) == 1


def test_two_processes_killed_and_resumed(together: Any) -> None:
    import psutil  # type: ignore[import-untyped]

    folder = together["folder"] / "again"
    process = two(folder, together["words"])
    until(process, lambda: saved(folder), folder)
    for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        each.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "final").exists()
    resumed = ended(two(folder, [*together["words"], "--resume"]), folder)
    assert {**resumed, "model": ""} == {**together["two"], "model": ""}
    expected, found = weights(together["folder"] / "two"), weights(folder)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6, msg=name)


def run(*words: object) -> Result:
    from splade_cli.cli.main import app

    return CliRunner().invoke(app, [str(word) for word in words])


def test_no_memory_names_the_settings(given: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SparseEncoderTrainer

    def greedy(*args: Any, **kwargs: Any) -> Any:
        return torch.empty(2**50)  # the allocator's own error

    monkeypatch.setattr(SparseEncoderTrainer, "compute_loss", greedy)
    result = run(*given, *paced(4, 2), "-o", tmp_path / "run")
    assert result.exit_code == 1, result.output
    error, hint = result.stderr.strip().splitlines()[-2:]
    assert error.startswith(
        "error: not enough memory in RAM for a training step with per_device_train_batch_size 4"
    )
    assert "mini_batch_size to 1" in hint
    assert "per_device_train_batch_size 4 -> 2 with gradient_accumulation_steps 1 -> 2" in hint
    assert not (tmp_path / "run" / "final").exists()


def test_a_loss_that_is_no_number_names_the_batch(given: Words, tmp_path: Path) -> None:
    wild = ["--lambda-d", "1e38", "--lambda-q", "1e38", "--set", "loss.regularizer_warmup_ratio=0.01"]
    result = run(*given, *paced(6, 2), *wild, "-o", tmp_path / "run")
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.stderr
    error, hint = result.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert " is inf at step" in error or " is nan at step" in error
    assert str(tmp_path / "run" / "bad_batch.json") in hint
    batch = json.loads((tmp_path / "run" / "bad_batch.json").read_text())
    assert batch["texts"]
    assert not (tmp_path / "run" / "final").exists()


@pytest.mark.parametrize(
    ("strategy", "until", "steps"),
    [
        ("proportional", "first_used_up", 10),
        ("round_robin", "first_used_up", 4),
        ("round_robin", "all_used_up", 10),
    ],
)
def test_two_named_datasets(
    strategy: str,
    until: str,
    steps: int,
    bert_folder: Path,
    rows: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """8 batches of the one and 2 of the other."""
    from splade_cli.training.loop.guarded_trainer import GuardedTrainer

    found = json.loads((rows / "train.json").read_text())
    scored, plain = [row for row in found if "scores" in row], [row for row in found if "scores" not in row]
    (tmp_path / "scored.json").write_text(json.dumps(scored))
    (tmp_path / "plain.csv").write_text(
        "question,answer,note\n" + "".join(f"{row['query']},{row['positive']},x\n" for row in plain[:8])
    )
    (tmp_path / "run.yaml").write_text(
        f"model:\n  base_model: {bert_folder}\ntraining:\n  output_dir: {tmp_path / 'run'}\n"
        "  num_train_epochs: 1\n  per_device_train_batch_size: 4\n  logging_steps: 1\n  eval_strategy: no\n"
        "  save_strategy: no\n  load_best_model_at_end: false\nevaluation:\n  preflight: false\n"
        f"datasets:\n  sampling_strategy: {strategy}\n  round_robin_until: {until}\n"
        f"  scored:\n    source: {tmp_path / 'scored.json'}\n"
        f"  plain:\n    source: {tmp_path / 'plain.csv'}\n    columns:\n      query: question\n      positive: answer\n"
        "  other:\n    enabled: false\n    source: nowhere\n"
    )
    seen: list[tuple[str, float]] = []
    stock_loss = GuardedTrainer.compute_loss

    def recorded(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        name = inputs["dataset_name"]
        value = stock_loss(self, model, inputs, *args, **kwargs)
        seen.append((name, float((value[0] if isinstance(value, tuple) else value).detach())))
        return value

    monkeypatch.setattr(GuardedTrainer, "compute_loss", recorded)
    result = run("train", "--config", tmp_path / "run.yaml", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == steps
    names = [name for name, _ in seen]
    assert set(names) == {"scored-kl-2", "plain-contrastive-0"}
    assert names.count("plain-contrastive-0") == 2
    if strategy == "round_robin":
        assert names[:4] == names[:2] * 2, "in turn, until one is used up"
        assert len(set(names[:2])) == 2
    logged = [loss for _, loss in losses(tmp_path / "run")]
    assert logged == pytest.approx([loss for _, loss in seen], rel=1e-3)
    assert all(math.isfinite(loss) for loss in logged)
    lines = [row["dataset"] for row in metrics(tmp_path / "run") if "dataset" in row]
    assert [line.split(" val")[0] for line in lines] == ["scored: 32 train, 0", "plain: 8 train, 0"]
