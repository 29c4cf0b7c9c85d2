"""Queries by what an index carries: tokens and weights, the table's origin, the same hits, no torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from splade_cli.errors import IndexFolderError, ModelError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import QueryInfo
from splade_cli.index.store.manifest import Manifest
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.options import IndexOptions
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encode import encode
from splade_cli.model.query_encoders import static_export as module
from splade_cli.model.query_encoders.base import TABLE
from splade_cli.model.query_encoders.carried import exported, open_query_encoder
from splade_cli.model.query_encoders.frequencies import TokenFrequencies
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, read_tokenizer
from splade_cli.search.options import SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher

Make = Callable[..., Any]
DOCUMENTS = {
    "password": "To reset a forgotten password, open the login page and follow the link in the mail.",
    "backup": "Backups run every night at two and are kept for thirty days.",
    "saw": "The table saw needs a sharp blade and a riving knife to prevent kickback.",
}
STATIC = QueryInfo("static", max_seq_length=64)
ODD = [
    "[CLS] a [MASK] b [SEP]",
    "new\nline\ttab\x00 \u200b",
    "x" * 300,
    "e\u0301 \u00e9",
    "  two  spaces ",
    "saw saw SAW",
]


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    for name, text in DOCUMENTS.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def index(docs: Path, embedder: SpladeEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents under the embedded model, with static queries."""
    folder = tmp_path_factory.mktemp("static") / "index"
    index_documents(docs, folder, IndexOptions(query=export_static), embedder=embedder)
    return folder


@pytest.fixture(scope="module")
def free(bert_folder: Path, stock: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inference-free model with prompts and random query weights."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules.router import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    encoder = stock(bert_folder)
    weight = torch.rand(len(encoder.tokenizer), generator=torch.Generator().manual_seed(7)) + 0.1
    static = SparseStaticEmbedding(tokenizer=encoder.tokenizer, weight=weight)
    router = Router.for_query_document(query_modules=[static], document_modules=[encoder[0], encoder[1]])
    folder = tmp_path_factory.mktemp("free") / "model"
    prompts = {"query": "how to ", "document": "passage: "}
    SparseEncoder(modules=[router], device="cpu", prompts=prompts).save_pretrained(str(folder))
    return folder


@pytest.fixture
def copy(index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(index, tmp_path / "index"))


def rewrite(folder: Path, **changes: Any) -> None:
    """Changes the manifest of an index."""
    replace(Manifest.read(folder), **changes).write(folder)


def carried_file(folder: Path, name: str) -> Path:
    """A file of an index's query encoder."""
    return next((folder / "encoders").rglob(name))


def by_hand(tokenizer: Any, texts: list[str], table: np.ndarray, limit: int) -> np.ndarray:
    """Dense query vectors: what transformers tokenises, a one for each distinct token, times the table."""
    rows = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=limit)["input_ids"]
    present = np.zeros((len(texts), len(table)), dtype=np.float32)
    for number, row in enumerate(rows):
        present[number, row] = 1
    return present * table


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("limit", [3, 8, 64])
def test_tokens_of_transformers_times_the_table(
    family: str, limit: int, make_folder: Make, texts: list[str], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make_folder(family))
    table = np.random.default_rng(0).normal(size=len(tokenizer)).astype(np.float32)
    table[::5] = 0
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(3)
    backend.enable_padding(length=40, pad_id=4)
    backend.save(str(tmp_path / TOKENIZER))
    given = [*texts, *ODD]
    encoder = StaticQueryEncoder(tmp_path / TOKENIZER, table, max_seq_length=limit, prompt="saw ")
    found = encoder.encode(given)
    assert (found.shape, found.dtype, found.has_canonical_format) == (
        (len(given), len(table)),
        np.float32,
        True,
    )
    assert (found.data != 0).all()
    expected = by_hand(tokenizer, ["saw " + text for text in given], table, limit)
    assert expected.any()
    np.testing.assert_array_equal(found.toarray(), expected)
    assert encoder.encode([]).shape == (0, len(table))


def test_a_plain_model_gets_the_idf_of_the_corpus(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    loaded = load(str(bert_folder))
    corpus = [*texts, "the saw the saw", "[SEP] reset", "saw " * 100 + "login"]
    encode(loaded, corpus)  # leaves the tokenizer cutting texts short
    export = export_static(SpladeEmbedder.from_loaded(loaded))
    carried = exported(export, iter(corpus), tmp_path)
    assert export.info == QueryInfo("static", max_seq_length=64, weights="corpus idf")
    assert sorted(path.name for path in tmp_path.iterdir()) == [TABLE, TOKENIZER]
    table = np.load(tmp_path / TABLE)
    ids = loaded.tokenizer(corpus, add_special_tokens=False)["input_ids"]
    np.testing.assert_array_equal(table, TokenFrequencies.of(ids, loaded.model.dimensions).idf())
    assert max(map(len, ids)) > 64, "texts are counted to their end"
    np.testing.assert_array_equal(carried.encode(ODD).toarray(), by_hand(loaded.tokenizer, ODD, table, 64))


def test_a_prompt_gets_no_idf(bert_folder: Path, load: Make, texts: list[str], tmp_path: Path) -> None:
    """Its words are in no text, and would weigh more than those of the query, the same for every query."""
    loaded = load(str(bert_folder))
    loaded.model.prompts = {"query": "sharp blade: "}
    carried = exported(export_static(SpladeEmbedder.from_loaded(loaded)), texts, tmp_path)
    assert carried.encode(["reset", ""]).indices.tolist() == [loaded.tokenizer.get_vocab()["reset"]]


def test_many_texts_are_tokenised_a_few_at_a_time(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = SpladeEmbedder.from_loaded(load(str(bert_folder)))
    exported(export_static(embedder), texts, tmp_path)
    whole = np.load(tmp_path / TABLE)
    monkeypatch.setattr(module, "TOKENIZED_AT_ONCE", 3)
    exported(export_static(embedder), texts, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / TABLE), whole)


def test_an_inference_free_model_brings_its_own_table(
    free: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    loaded = load(str(free))
    export = export_static(SpladeEmbedder.from_loaded(loaded))
    carried = exported(export, texts, tmp_path)
    assert export.info == QueryInfo("static", max_seq_length=64, weights="model", prompt="how to ")
    np.testing.assert_array_equal(np.load(tmp_path / TABLE), loaded.model.query_table)
    given = [*texts, *ODD]
    np.testing.assert_array_equal(carried.encode(given).toarray(), encode(loaded, given, "query").toarray())


def test_the_model_tokenises_as_before_it_was_asked_for_its_table(
    bert_folder: Path, load: Make, tmp_path: Path
) -> None:
    loaded = load(str(bert_folder))
    before = encode(loaded, ODD)
    exported(export_static(SpladeEmbedder.from_loaded(loaded)), ODD, tmp_path)
    assert (encode(loaded, ODD) != before).nnz == 0


def test_a_slow_tokenizer_is_refused(bert_folder: Path, load: Make, tmp_path: Path) -> None:
    loaded = load(str(bert_folder))
    embedder = SpladeEmbedder.from_loaded(loaded._replace(tokenizer=object()))
    with pytest.raises(ModelError, match=r"needs Python code of transformers") as caught:
        export_static(embedder)
    assert caught.value.option == "query"
    assert list(tmp_path.iterdir()) == []


def test_hits_are_those_of_scoring_by_hand(index: Path, embedder: SpladeEmbedder) -> None:
    query = "the forgotten table saw kickback"
    searcher = Searcher.open(index, device="cpu", options=SearchOptions(mode="sparse"))
    found = searcher.search(query, 3)
    table = np.load(carried_file(index, TABLE))
    vector = by_hand(embedder.loaded.tokenizer, [query], table, 512)
    order = {"backup.txt": 0, "password.txt": 1, "saw.txt": 2}
    scores = (
        embedder.encode([f"{name}\n{DOCUMENTS[name]}" for name in sorted(DOCUMENTS)]) @ vector[0]
    ).tolist()
    assert [hit.id for hit in found] == sorted(
        (name for name in order if scores[order[name]] > 0), key=lambda name: -scores[order[name]]
    )
    assert found[0].id == "saw.txt"
    for hit in found:
        assert hit.score == pytest.approx(scores[order[hit.id]], rel=1e-4)
        assert sum(term.contribution for term in hit.terms) == pytest.approx(hit.score, rel=1e-4)
    assert dict(searcher.terms(query)) == {
        embedder.vocabulary[place]: float(vector[0, place]) for place in np.flatnonzero(vector[0])
    }
    assert searcher.why(query, "saw.txt").rank == 1
    assert isinstance(searcher.encoder, StaticQueryEncoder), "the model was not needed"


def test_an_inference_free_index_carries_its_table_unasked(free: Path, docs: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(free, tmp_path / "model"))
    embedder = SpladeEmbedder(model, device="cpu", precision="fp32")
    made = index_documents(docs, tmp_path / "index", embedder=embedder)
    assert made.index.info.query is not None
    assert made.index.info.query.weights == "model"
    expected = Searcher.over(SpladeIndex.open(tmp_path / "index"), embedder).search("reset a password", 3)
    assert expected[0].score > 0
    shutil.rmtree(model)
    found = Searcher.open(tmp_path / "index", device="cpu").search("reset a password", 3)
    assert [(hit.id, hit.score) for hit in found] == [
        (hit.id, pytest.approx(hit.score, rel=1e-5)) for hit in expected
    ], "searched without the model's folder"


def test_torch_and_transformers_stay_out(index: Path) -> None:
    program = (
        "import json, sys\n"
        "from splade_cli.cli.main import app\n"
        "from splade_cli.search.searcher import Searcher\n"
        "from typer.testing import CliRunner\n"
        "hits = Searcher.open(sys.argv[1]).search('forgotten password', 2)\n"
        "done = CliRunner().invoke(app, ['search', 'forgotten password', '--index', sys.argv[1], '--json'])\n"
        "assert done.exit_code == 0, done.output\n"
        "assert json.loads(done.stdout)['hits'][0]['id'] == hits[0].id == 'password.txt'\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, index], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_naming_the_model_brings_its_own_encoder_back(index: Path, embedder: SpladeEmbedder) -> None:
    static, full = Searcher.open(index, device="cpu"), Searcher.open(index, device="cpu", model="tiny")
    assert isinstance(static.encoder, StaticQueryEncoder)
    assert isinstance(full.encoder, ModelEncoder)
    np.testing.assert_array_equal(
        full.encode("forgotten password").toarray(),
        embedder.encode(["forgotten password"], "query").toarray(),
    )
    assert full.encode("forgotten password").nnz > 2 == static.encode("forgotten password").nnz


def test_an_index_that_carries_nothing() -> None:
    assert open_query_encoder(Path("nowhere"), None) is None


def test_kinds_that_this_version_does_not_know(copy: Path) -> None:
    info = SpladeIndex.open(copy).info
    rewrite(copy, info=replace(info, query=QueryInfo("magic")))
    with pytest.raises(IndexFolderError, match="encodes queries by 'magic', which") as caught:
        Searcher.open(copy)
    assert caught.value.hint


@pytest.mark.parametrize("name", [TOKENIZER, TABLE])
def test_a_damaged_file_is_found_when_the_index_is_opened(name: str, copy: Path) -> None:
    path = carried_file(copy, name)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(IndexFolderError, match=f"{name} does not match its checksum"):
        Searcher.open(copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"half", None])
def test_a_tokenizer_file_that_is_none(content: bytes | None, copy: Path) -> None:
    path = carried_file(copy, TOKENIZER)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == b"half" else content)
    with pytest.raises(IndexFolderError, match=r"tokenizer\.json is no tokenizer") as caught:
        read_tokenizer(path)
    assert "splade index" in caught.value.hint
    assert "\n" not in caught.value.message
    with pytest.raises(IndexFolderError):
        open_query_encoder(path.parent, STATIC)


@pytest.mark.parametrize("content", [b"", b"no array", b"half", None])
def test_a_table_that_is_none(content: bytes | None, copy: Path) -> None:
    path = carried_file(copy, TABLE)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == b"half" else content)
    with pytest.raises(IndexFolderError, match=r"query\.table\.npy") as caught:
        open_query_encoder(path.parent, STATIC)
    assert caught.value.hint


def test_rows_do_not_depend_on_their_neighbours(index: Path, texts: list[str]) -> None:
    table = np.load(carried_file(index, TABLE))
    encoder = StaticQueryEncoder(carried_file(index, TOKENIZER), table, max_seq_length=512)
    alone = sp.vstack([encoder.encode([text]) for text in texts])
    assert (encoder.encode(texts) != alone).nnz == 0
