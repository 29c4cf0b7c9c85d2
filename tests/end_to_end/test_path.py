"""The whole path on real collections and documentation, by the commands of the README.

Minutes, hence marked slow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SHARED = Path(__file__).resolve().parents[3] / "shared"
needs_shared = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="real collections are not on this machine"
)


def splade(*words: object, stdin: str | None = None) -> str:
    """Runs a command that must succeed, and returns its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "splade_cli", *map(str, words)],
        input=stdin, capture_output=True, text=True, timeout=1500, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@needs_shared
@pytest.mark.parametrize(
    ("collection", "split", "documents", "queries", "bm25", "tiny"),
    [
        ("cranfield", "test", 1400, 100, (0.50, 0.53), (0.47, 0.50)),
    ],
)
def test_evaluate_a_collection(collection, split, documents, queries, bm25, tiny):
    report = json.loads(
        splade("evaluate", "--data", SHARED / "data" / collection, "--split", split, "--json")
    )
    assert (report["documents"], report["queries"]) == (documents, queries)
    fused, model, lexical = report["systems"]
    assert fused["measures"]["nDCG@10"] > max(model["measures"]["nDCG@10"], lexical["measures"]["nDCG@10"])
    assert tiny[0] <= model["measures"]["nDCG@10"] <= tiny[1]
    assert bm25[0] <= lexical["measures"]["nDCG@10"] <= bm25[1]
    assert 100 < model["cost"]["documents"]["mean"] < 400


@needs_shared
@pytest.mark.parametrize(
    ("folder", "question", "expected"),
    [
        ("docs-fastapi", "how do I deploy with docker containers", "docker"),
        ("docs-debian-handbook/en-US", "configure the firewall with netfilter", "firewall"),
    ],
)
def test_documents_to_session(tmp_path, folder, question, expected):
    docs = SHARED / "data" / folder
    written = ("--queries-per-chunk", 1, "--max-documents", 40)
    made = json.loads(splade("gen-data", docs, "-o", tmp_path / "data", *written, "--json"))
    assert made["train_rows"] > 50
    assert made["validation_rows"] > 0
    train, val = tmp_path / "data/train.json", tmp_path / "data/val.json"
    words = ["train", "--train-file", train, "--val-file", val, "-o", tmp_path / "model"]
    trained = json.loads(splade(*words, "--max-steps", 4, "--batch-size", 8, "--max-length", 128, "--json"))
    assert trained["steps"] == 4
    splade("index", docs, "-o", tmp_path / "index", "--model", tmp_path / "model")
    replies = splade("query", "--index", tmp_path / "index", stdin=f"{question}\n1\nq\n").splitlines()
    hits = json.loads(replies[0])["hits"]
    assert any(expected in hit["document_id"] for hit in hits), [hit["document_id"] for hit in hits]
    assert json.loads(replies[1])["kind"] == "text"
