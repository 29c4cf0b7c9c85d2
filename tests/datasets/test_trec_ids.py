"""Ids in files of TREC and BEIR: what is written is read back, or is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from splade_cli.corpus.documents import iterate_documents
from splade_cli.corpus.formats.prose import safe_name
from splade_cli.datasets.formats.trec import read_qrels, write_qrels, write_run
from splade_cli.errors import InputError
from splade_cli.records import Document
from splade_cli.storage.files import write_jsonl

IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.dictionaries(IDS, st.dictionaries(IDS, st.integers(0, 3), min_size=1, max_size=3), max_size=3))
def test_qrels_come_back_or_are_refused(qrels: dict[str, dict[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.tsv"
        try:
            write_qrels(path, qrels)
        except InputError:
            assert not path.exists()
        else:
            assert read_qrels(path) == qrels


@given(st.lists(IDS, min_size=1, max_size=5, unique=True))
def test_ids_of_documents_can_stand_in_qrels(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [{"_id": each, "text": "words"} for each in ids]
        write_jsonl(Path(folder) / "corpus.jsonl", rows)
        documents = [each for each in iterate_documents(Path(folder)) if isinstance(each, Document)]
        names = [each.id for each in documents]
        assert len(set(names)) == len(ids)
        qrels = {"q": dict.fromkeys(names, 1)}
        write_qrels(Path(folder) / "qrels.tsv", qrels)
        assert read_qrels(Path(folder) / "qrels.tsv") == qrels


@given(IDS.filter(str.strip))
def test_a_line_of_a_run_has_six_columns(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder) / "run", {name: {name: 1.0}})
        text = (Path(folder) / "run").read_text(encoding="utf-8")
        assert len(text.split()) == 6


@given(IDS)
def test_safe_names_are_stable(name: str) -> None:
    assert safe_name(safe_name(name)) == safe_name(name)
    assert safe_name("plain name.md") == "plain name.md"
