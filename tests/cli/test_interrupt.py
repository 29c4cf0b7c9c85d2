"""Ctrl-C at every stage: exit code 130, no traceback, and what was done is kept and used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
WORDS = (
    "kiln",
    "clay",
    "loom",
    "wool",
    "lathe",
    "steel",
    "press",
    "paper",
    "brake",
    "wheel",
    "solder",
    "board",
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 6,000 short documents: three windows of encoding."""
    path = tmp_path_factory.mktemp("many") / "docs.jsonl"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(6000):
            words = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 9))
            out.write(json.dumps({"id": f"d{number}", "text": f"note {number} about {words}"}) + "\n")
    return path


def interrupted(words: list[object], ready: Callable[[], bool], folder: Path) -> str:
    """Runs a command, sends SIGINT when `ready`, and returns what it said on standard error."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    with open(folder / "stderr", "w+", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "splade_cli", *map(str, words)],
            stdout=subprocess.DEVNULL, stderr=stderr, env=environment,
        )  # fmt: skip
        for _ in range(1200):
            if ready() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, "ended before it could be interrupted"
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
        stderr.seek(0)
        said = stderr.read()
    assert code == 130, said
    assert "Traceback" not in said
    assert "interrupted" in said
    return said


def test_index_goes_on(many, tmp_path, splade):
    partial = tmp_path / ".index.partial"
    words = ["index", many, "-o", tmp_path / "index"]
    said = interrupted(words, lambda: bool(list(partial.glob("shard-*.npz"))), tmp_path)
    assert "run the same command again" in said
    kept = {path: path.stat().st_mtime_ns for path in partial.glob("shard-*.npz")}
    assert kept
    assert not (tmp_path / "index").exists()
    seen: list[int] = []
    real = os.replace

    def spy(source, target):
        if Path(target).parent == partial:
            seen.append(str(target).endswith(".npz"))
        real(source, target)

    pytest.MonkeyPatch().setattr(os, "replace", spy)
    try:
        assert splade(*words).exit_code == 0
    finally:
        os.replace = real
    assert sum(seen) == 3 - len(kept), "finished windows are not encoded again"
    assert not partial.exists()


def test_gen_data_goes_on(many, tmp_path, splade):
    work = tmp_path / "data" / ".work" / "vectors"
    words = ["gen-data", many, "-o", tmp_path / "data", "--queries-per-chunk", "1", "--teacher", "none"]
    interrupted(words, lambda: bool(list(work.glob("shard-*.npz"))), tmp_path)
    assert list(work.glob("shard-*.npz"))
    assert not (tmp_path / "data" / "train.json").exists()


def test_evaluate_goes_on(many, tmp_path):
    collection = tmp_path / "collection"
    (collection / "qrels").mkdir(parents=True)
    rows = [json.loads(line) for line in many.read_text().splitlines()]
    (collection / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": row["id"], "title": "", "text": row["text"]}) + "\n" for row in rows)
    )
    (collection / "queries.jsonl").write_text('{"_id": "q", "text": "note 17"}\n')
    (collection / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td17\t1\n")
    cache = tmp_path / "cache"
    interrupted(["evaluate", "--data", collection], lambda: bool(list(cache.rglob("shard-*.npz"))), tmp_path)
    assert list(cache.rglob("shard-*.npz"))


def test_train_resumes_from_its_checkpoint(built, tmp_path, splade):
    run = tmp_path / "run"
    words = [
        "train",
        "--train-file",
        built / "data/train.json",
        "-o",
        run,
        "--max-steps",
        "40",
        "--batch-size",
        "4",
    ]
    metrics = run / "metrics.jsonl"
    said = interrupted(words, lambda: metrics.exists() and '"loss"' in metrics.read_text(), tmp_path)
    assert "--resume" in said
    steps = [int(path.name.split("-")[1]) for path in (run / "checkpoints").glob("checkpoint-*")]
    assert steps
    assert not (run / "final").exists()
    result = splade(*words, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 40
    logged = [json.loads(line) for line in metrics.read_text().splitlines()]
    restarts = [row["step"] for row in logged if set(row) == {"step", "max_steps", "seconds"}]
    assert restarts == [0, max(steps)], "the second run starts where the first was stopped"
