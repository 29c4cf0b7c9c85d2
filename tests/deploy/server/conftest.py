"""A small index folder that encodes queries by a table, made without a model; clients of a server over it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from starlette.testclient import TestClient

from splade_cli.deploy.server.application import application
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.served_index import IndexSource
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk, QueryInfo

WORDS = ("password", "reset", "mail", "backup", "night", "blade", "saw", "script", "alert", "img")
TEXTS = (
    "To reset a forgotten password, follow the link in the mail.",
    "A password is never sent by mail.",
    "Each night a backup is made.",
    "The saw needs a sharp blade.",
    "<script>alert(1)</script> <img src=x onerror=alert(2)> & \"quoted\" 'text' </li> password",
)


def chunks_of(texts: tuple[str, ...] = TEXTS) -> list[Chunk]:
    return [
        Chunk(f"d{n}::1", f"d{n}", text, "<b>Manual</b>", ("Part", "Chapter"), metadata={"year": 2020 + n})
        for n, text in enumerate(texts)
    ]


def write_index(folder: Path, texts: tuple[str, ...] = TEXTS, chunks: Sequence[Chunk] | None = None) -> Path:
    """An index of `texts`, a new generation where there is one; a word weighs 1, and 2 in a query."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    def write_encoder(target: Path) -> None:
        vocabulary = {word: number for number, word in enumerate(("[UNK]", *WORDS))}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.save(str(target / "tokenizer.json"))
        table = np.full(len(vocabulary), 2, dtype=np.float32)
        table[0] = 0
        np.save(target / "query.table.npy", table)

    rows = [[1.0 if word in text.lower() else 0.0 for word in ("", *WORDS)] for text in texts]
    vectors = np.array(rows, dtype=np.float32)
    vectors[:, 0] = 0
    index = SpladeIndex.from_vectors(
        sp.csr_matrix(vectors), chunks=chunks or chunks_of(texts), vocabulary=("[UNK]", *WORDS), language="en"
    )
    index.info = replace(index.info, query=QueryInfo("static", max_seq_length=64))
    index.encoder_files = SimpleNamespace(copy=write_encoder)  # type: ignore[assignment]
    index.save(folder, force=True)
    return folder


@contextmanager
def served(folder: Path, *more: str) -> Iterator[str]:
    """The address of `splade serve`."""
    command = [sys.executable, "-m", "splade_cli", "serve", "--index", str(folder), "--port", "0", *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert address is not None, line + process.stderr.read()
            yield address.group(0)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(tmp_path_factory.mktemp("served") / "index")


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """``serve(index=FOLDER, **options)``: a client of a server; it stops with the test."""
    with ExitStack() as stack:

        def started(index: Path = folder, **options: Any) -> TestClient:
            app = application(IndexSource(index), ServerOptions(**options))
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=True)
            return stack.enter_context(client)

        yield started


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with its defaults and a file for marks."""
    marks = tmp_path_factory.mktemp("marks") / "marks.jsonl"
    app = application(IndexSource(folder), ServerOptions(marks=marks, look_seconds=0))
    with TestClient(app, base_url="http://localhost") as client:
        client.marks = marks
        yield client
