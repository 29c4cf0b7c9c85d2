"""Chunks to Parquet, parts encoded one by one, one index of them: the same as by one process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.deploy.distributed.encoding import (
    USUAL,
    TableEncoder,
    encode_file,
    is_encoded,
    model_of,
)
from splade_cli.deploy.distributed.ends import index_vectors, write_chunks
from splade_cli.deploy.distributed.tables import chunks_of_table, parts_of, vectors_of_table
from splade_cli.errors import InputError
from splade_cli.indexing.build import index_documents
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.search.searcher import Searcher

pq = pytest.importorskip("pyarrow.parquet")
TEXTS = {
    "kiln.md": "# Kiln\n\nThe kiln fires clay at 1,060 degrees.\n\n## Cooling\n\nOpen it below 90 degrees.\n",
    "lathe.md": "---\nyear: 2021\ntags: [metal]\n---\n# Lathe\n\nThe metal lathe needs a sharp tool.\n",
    "loom.txt": "The loom weaves wool on a warp of linen. Tie the heddles before you start to weave a scarf.",
    "press.rst": "Press\n=====\n\nThe letterpress prints cards with wood type and oil based ink.\n",
}


@pytest.fixture(scope="module")
def made(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Documents, parts of two chunks each, their vectors, one index of them."""
    folder = tmp_path_factory.mktemp("distributed")
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    model = str(bert_folder)
    count = write_chunks(folder / "docs", folder / "chunks", model, rows=2)
    assert count == len(parts_of(folder / "chunks")) > 1
    encoder = TableEncoder(model, ModelOptions(device="cpu", precision="fp32"))
    for part in parts_of(folder / "chunks"):
        assert encode_file(part, folder / "vectors" / part.name, encoder)
    index_vectors(folder / "vectors", folder / "index", model)
    return folder


def test_it_is_the_index_of_one_process(made: Any, bert_folder: Path) -> None:
    embedder = SpladeEmbedder(str(bert_folder), ModelOptions(device="cpu", precision="fp32"))
    alone = index_documents(made / "docs", embedder=embedder).index
    searcher = Searcher.open(made / "index", device="cpu")
    index = searcher.engine.index  # type: ignore[attr-defined]
    assert list(index.ids) == list(alone.ids)
    assert list(index.chunks) == list(alone.chunks)
    for row in range(len(alone)):
        assert np.array_equal(index.vector(row).indices, alone.vector(row).indices)
    assert abs(index.vectors - alone.vectors).max() < 1e-5
    assert {"sparse", "bm25", "hybrid"} <= set(searcher.modes)
    assert searcher.search("loom", 1)[0].document_id == "loom.txt"


def test_columns_are_plain(made: Any) -> None:
    table = pq.read_table(parts_of(made / "vectors")[0])
    types = {field.name: str(field.type) for field in table.schema}
    assert types["indices"].startswith("list<") and types["indices"].endswith("int32>")
    assert types["values"].startswith("list<") and types["values"].endswith("float>")
    assert chunks_of_table(table) == chunks_of_table(pq.read_table(parts_of(made / "chunks")[0]))


def test_a_part_that_is_there_is_not_made_again(made: Any, tmp_path: Path) -> None:
    part = parts_of(made / "chunks")[0]

    class Never:
        options = USUAL
        identity = model_of(made / "vectors" / part.name)

        def __call__(self, table: Any) -> Any:
            raise AssertionError("it is there")

    assert not encode_file(part, made / "vectors" / part.name, Never())  # type: ignore[arg-type]

    class Lost:
        options = USUAL
        identity = "a model"

        def __call__(self, table: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_file(part, tmp_path / "out.parquet", Lost())  # type: ignore[arg-type]
    assert list(tmp_path.glob("*.parquet")) == [], "a worker that is lost leaves no part of a file"


def test_what_is_refused(made: Any, bert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Parquet files"):
        index_vectors(tmp_path, tmp_path / "index", str(bert_folder))
    with pytest.raises(InputError, match="exists already"):
        write_chunks(made / "docs", made / "chunks", str(bert_folder))
    table = pq.read_table(parts_of(made / "vectors")[0])
    with pytest.raises(InputError, match="has the dimension"):
        vectors_of_table(table, 10)
    with pytest.raises(InputError, match="without the column 'id'"):
        chunks_of_table(table.drop_columns(["id"]))


def test_ray_encodes_the_same(made: Any, bert_folder: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from splade_cli.deploy.distributed.workers import encode_with_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert encode_with_ray(made / "chunks", tmp_path / "out", str(bert_folder), workers=2) > 1
        assert encode_with_ray(made / "chunks", tmp_path / "out", str(bert_folder), workers=2) == 0
    finally:
        ray.shutdown()
    for part in parts_of(made / "vectors"):
        assert pq.read_table(tmp_path / "out" / part.name)["indices"] == pq.read_table(part)["indices"]


def test_vectors_of_another_model_or_of_other_chunks_are_made_anew(
    made: Any, bert_folder: Path, tmp_path: Path
) -> None:
    first, second = parts_of(made / "chunks")[:2]
    encoder = TableEncoder(str(bert_folder), ModelOptions(device="cpu", precision="fp32"))
    place = tmp_path / first.name
    assert encoder.identity and encode_file(first, place, encoder)
    assert is_encoded(first, place, encoder.identity) and not encode_file(first, place, encoder)
    assert not is_encoded(first, place, "another model")
    shorter = replace(USUAL, max_seq_length=16)
    assert not is_encoded(first, place, encoder.identity, shorter), "cut shorter"
    assert not is_encoded(first, place, encoder.identity, replace(USUAL, precision="bf16"))
    assert encode_file(second, place, encoder), "other chunks under the same name"
    assert pq.read_table(place)["id"].to_pylist() == pq.read_table(second)["id"].to_pylist()
    encoder.identity = "another model"
    assert encode_file(second, place, encoder) and model_of(place) == "another model"
    pq.write_table(pq.read_table(place).replace_schema_metadata(), place)
    assert encode_file(second, place, encoder), "who made it is not known"


def test_vectors_of_two_models_make_no_index(made: Any, bert_folder: Path, tmp_path: Path) -> None:
    encoder = TableEncoder(str(bert_folder), ModelOptions(device="cpu", precision="fp32"))
    for number, part in enumerate(parts_of(made / "chunks")[:2]):
        encoder.identity = f"model {number}"
        encode_file(part, tmp_path / "vectors" / part.name, encoder)
    with pytest.raises(InputError, match="were made by different models"):
        index_vectors(tmp_path / "vectors", tmp_path / "index", str(bert_folder))
    assert not (tmp_path / "index").exists()


def test_a_first_part_may_be_empty(made: Any, bert_folder: Path, tmp_path: Path) -> None:
    part = parts_of(made / "vectors")[0]
    table = pq.read_table(part)
    (tmp_path / "vectors").mkdir()
    pq.write_table(table.slice(0, 0), tmp_path / "vectors" / "part-0.parquet")
    pq.write_table(table, tmp_path / "vectors" / "part-1.parquet")
    index = index_vectors(tmp_path / "vectors", tmp_path / "index", str(bert_folder))
    assert list(index.ids) == table["id"].to_pylist()


def test_vectors_of_two_lengths_make_no_index(made: Any, bert_folder: Path, tmp_path: Path) -> None:
    for part, length in zip(parts_of(made / "chunks")[:2], (None, 16), strict=True):
        encoder = TableEncoder(str(bert_folder), replace(USUAL, device="cpu", max_seq_length=length))
        encode_file(part, tmp_path / "vectors" / part.name, encoder)
    with pytest.raises(InputError, match="were not encoded alike: fp32, the length of the model; fp32, 16"):
        index_vectors(tmp_path / "vectors", tmp_path / "index", str(bert_folder))
