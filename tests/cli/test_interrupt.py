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

from splade_cli.model.encoding import windows
from splade_cli.storage.cache import Cache

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
        code = process.wait(timeout=600)
        stderr.seek(0)
        said = stderr.read()
    assert code == 130, said
    assert "Traceback" not in said
    assert "interrupted" in said
    return said


def windows_in(cache: Path) -> int:
    """How many encoded windows a cache holds."""
    if not cache.is_file():
        return 0
    with Cache(cache) as opened:
        return sum(opened.count(space) for space in opened.spaces() if space.startswith(windows.SPACE))


def test_index_goes_on(many, tmp_path, splade, monkeypatch):
    cache = tmp_path / ".index.cache.sqlite3"
    words = ["index", many, "-o", tmp_path / "index"]
    said = interrupted(words, lambda: windows_in(cache) > 0, tmp_path)
    assert "run the same command again" in said
    kept = windows_in(cache)
    assert not (tmp_path / "index").exists()
    encoded: list[int] = []
    encode_window = windows.encode_window

    def counted(loaded, texts, *others):
        encoded.append(len(texts))
        return encode_window(loaded, texts, *others)

    monkeypatch.setattr(windows, "encode_window", counted)
    assert splade(*words).exit_code == 0
    assert len(encoded) == 3 - kept, "finished windows are not encoded again"
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing is left over"


def test_gen_data_goes_on(many, tmp_path, splade):
    cache = tmp_path / "data" / "cache.sqlite3"
    words = ["gen-data", many, "-o", tmp_path / "data", "--queries-per-chunk", "1", "--teacher", "none"]
    interrupted(words, lambda: windows_in(cache) > 0, tmp_path)
    assert windows_in(cache)
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
    folder = tmp_path / "cache"

    def kept() -> int:
        return sum(map(windows_in, folder.rglob("*.sqlite3")))

    interrupted(["evaluate", "--data", collection], lambda: kept() > 0, tmp_path)
    assert kept()


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
