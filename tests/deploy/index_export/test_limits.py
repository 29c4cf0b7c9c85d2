"""What a destination would not take is said before anything is written; outputs are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.exporting import IndexExportOptions, export_index
from splade_cli.deploy.index_export.targets import TARGETS
from splade_cli.deploy.push.sample_queries import sample_queries
from splade_cli.deploy.query_file import read_queries
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.storage.marks import is_index

NO_NEGATIVES = ("anserini", "ciff", "opensearch", "opensearch-seismic", "elasticsearch", "vespa")


@pytest.mark.parametrize("to", sorted(TARGETS))
def test_negative_weights(export: Any, make_index: Any, to: str) -> None:
    index = make_index(negative=True)
    if to in NO_NEGATIVES:
        with pytest.raises(InputError, match="takes no weights below 0"):
            export(to, index=index)
    else:
        assert export(to, index=index).made.rows == 60


def test_names(export: Any, make_index: Any, tokens: Any) -> None:
    with pytest.raises(InputError, match="unknown names 'words'"):
        export("jsonl", names="words")
    with pytest.raises(InputError, match="no vocabulary"):
        export("jsonl", index=make_index(vocabulary=()), names="tokens")
    with pytest.raises(InputError, match="numbers its dimensions"):
        export("qdrant", names="tokens")
    dotted = ["a.b", *tokens[1:]]
    for to in ("opensearch", "elasticsearch"):
        with pytest.raises(InputError, match=r"takes no names with dots, and 1 tokens .* 'a\.b'"):
            export(to, index=make_index(vocabulary=dotted), names="tokens")
    assert export("vespa", index=make_index(vocabulary=dotted), names="tokens").made.rows == 60
    with pytest.raises(InputError, match="has the token 't9' twice"):
        export("jsonl", index=make_index(vocabulary=["t9", *tokens[1:]]), names="tokens")


@pytest.mark.parametrize("wrong", ["two words", "", "tab\t", "line\n"])
def test_ids_with_blanks(export: Any, make_index: Any, texts_of_index: Any, wrong: str) -> None:
    given = texts_of_index
    given[7] = replace(given[7], id=wrong)
    for to in ("anserini", "ciff"):
        with pytest.raises(InputError, match="takes no blanks in ids"):
            export(to, index=make_index(chunks=given))
    assert export("jsonl", index=make_index(chunks=given)).made.rows == 60


def test_long_ids(export: Any, make_index: Any, texts_of_index: Any) -> None:
    given = texts_of_index
    given[7] = replace(given[7], id="é" * 300)
    with pytest.raises(InputError, match="at most 512 bytes"):
        export("opensearch", index=make_index(chunks=given))


def test_more_terms_than_pgvector_takes(export: Any) -> None:
    full = sp.csr_matrix(np.ones((2, 17_000), dtype=np.float32))
    index = SpladeIndex.from_vectors(full, ids=["a", "b"], texts=["", ""])
    with pytest.raises(InputError, match="at most 16,000 weights a text, 'a' has 17,000"):
        export("pgvector", index=index)
    some = SpladeIndex.from_vectors(full[:, :1001], ids=["a", "b"], texts=["", ""])
    done = export("pgvector", index=some)
    assert not (done.folder / "hnsw.sql").exists(), "its index takes 1,000"


def test_halves_of_surrogate_pairs_become_signs(export: Any, make_index: Any, texts_of_index: Any) -> None:
    given = texts_of_index
    given[3] = replace(given[3], text="half \ud83d of one", metadata={"path": "x\udc00y"})
    for to in sorted(TARGETS):
        assert export(to, index=make_index(chunks=given)).made.rows == 60


def test_nothing_is_left_where_writing_fails(
    small_index: SpladeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: Any, folder: Any) -> None:
        (folder / "half").write_text("x")
        raise InputError("no", "")

    monkeypatch.setitem(TARGETS, "jsonl", replace(TARGETS["jsonl"], write=fails))
    with pytest.raises(InputError):
        export_index(small_index, tmp_path / "out", "jsonl")
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_outputs_are_kept(small_index: SpladeIndex, tmp_path: Path) -> None:
    small_index.save(tmp_path / "index")
    assert is_index(tmp_path / "index") and not is_index(tmp_path)
    with pytest.raises(InputError, match="is or holds the index"):
        export_index(tmp_path / "index", tmp_path / "index", "jsonl")
    out = tmp_path / "out"
    export_index(tmp_path / "index", out, "jsonl")
    with pytest.raises(InputError, match="exists already"):
        export_index(tmp_path / "index", out, "jsonl")
    export_index(tmp_path / "index", out, "parquet", IndexExportOptions(force=True))
    assert not (out / "rows" / "part-00000.jsonl").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("x")
    with pytest.raises(InputError, match="is not what this command writes"):
        export_index(tmp_path / "index", mine, "jsonl", IndexExportOptions(force=True))


def test_wrong_words(small_index: SpladeIndex, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="goes to no 'elastic'"):
        export_index(small_index, tmp_path / "out", "elastic")
    with pytest.raises(InputError, match="scale must be above 0"):
        export_index(small_index, tmp_path / "out", "ciff", IndexExportOptions(scale=0))
    for name in ("Docs", "a-b", "", 'x"; drop table y; --'):
        with pytest.raises(InputError, match="is no name that every engine takes"):
            export_index(small_index, tmp_path / "out", "pgvector", IndexExportOptions(name=name))


def test_queries_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"_id": "a", "text": "one"}\n{"text": "two"}\n')
    assert read_queries(tmp_path / "q.jsonl") == [("a", "one"), ("2", "two")]
    (tmp_path / "q.txt").write_text("one\n\n two \n")
    assert read_queries(tmp_path / "q.txt") == [("1", "one"), ("3", "two")]
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(InputError, match="holds no query"):
        read_queries(tmp_path / "none.txt")
    (tmp_path / "bad.jsonl").write_text('{"query": "one"}\n')
    with pytest.raises(InputError, match="line 1 has no text"):
        read_queries(tmp_path / "bad.jsonl")
    (tmp_path / "q.csv").write_text("query\none\n")
    with pytest.raises(InputError, match="queries are not read from .csv"):
        read_queries(tmp_path / "q.csv")


def test_a_push_is_checked_by_all_queries_of_a_file(small_index: SpladeIndex, tmp_path: Path) -> None:
    lines = [f"query {number}" for number in range(30)]
    (tmp_path / "q.txt").write_text("\n".join([*lines, "query 0"]))
    assert sample_queries(small_index, tmp_path / "q.txt") == lines
    (tmp_path / "blank.jsonl").write_text('{"text": " "}\n')
    with pytest.raises(InputError, match="holds no query"):
        sample_queries(small_index, tmp_path / "blank.jsonl")
