"""Named datasets: the known ones in their own schemas, files of every kind, counted filters, splits."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.resolve import resolve
from splade_cli.config.schema import DatasetSpec, DatasetsSection
from splade_cli.datasets.loading import DatasetSplits, load_dataset, load_datasets
from splade_cli.datasets.splits import held_out
from splade_cli.errors import InputError
from splade_cli.records import Example


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet as files

    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_table(pa.Table.from_pylist(rows), path)
    return path


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def load(name: str, seed: int = 42, **keys: Any) -> DatasetSplits:
    return load_dataset(name, DatasetSpec.model_validate(keys), seed)


def texts(rows: list[Example]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(row.query, row.positive, row.negatives) for row in rows]


def refused(name: str, **keys: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        load(name, **keys)
    assert caught.value.hint
    return caught.value


DDSC = [
    {
        "query": f"q{n}",
        "positive": f"p{n}",
        "negative": f"n{n}" if n % 5 < 2 else None,
        "instruction": "Find it",
        "task": "retrieval" if n % 5 < 2 else "classification",
        "language": ("norwegian", "danish", "swedish")[n % 3],
        "prompt": "write",
        "response": "{}",
    }
    for n in range(100)
]


def test_ddsc_keeps_rows_without_a_negative_and_takes_no_metadata_for_text(tmp_path: Path) -> None:
    path = parquet(tmp_path / "data" / "train-00000-of-00001.parquet", DDSC)
    loaded = load("ddsc", source=str(tmp_path), split_ratio=[0.8, 0.1, 0.1])
    rows = [*loaded.train, *loaded.val, *loaded.test]
    assert [len(loaded.train), len(loaded.val), len(loaded.test), loaded.held_out] == [80, 10, 10, "cut"]
    assert loaded.removed == {}
    expected = [
        (row["query"], row["positive"], (row["negative"],) if row["negative"] else ()) for row in DDSC
    ]
    assert sorted(texts(rows)) == sorted(expected)
    assert sum(not row.negatives for row in rows) == 60
    assert path.is_file()


def test_ddsc_languages_and_tasks_are_filtered_and_counted(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", DDSC)
    loaded = load(
        "ddsc", source=str(path), languages=["no", "sv"], tasks=["retrieval"], split_ratio=[1, 0, 0]
    )
    wanted = [row for row in DDSC if row["language"] != "danish" and row["task"] == "retrieval"]
    assert sorted(row.query for row in loaded.train) == sorted(row["query"] for row in wanted)
    assert loaded.removed["of another language"] == sum(row["language"] == "danish" for row in DDSC)
    assert len(loaded.train) + sum(loaded.removed.values()) == 100
    assert "of another task" in loaded.line()


def test_nli_in_its_own_splits(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("dev", 2), ("test", 1)):
        rows = [{"anchor": f"{split} a{n}", "positive": f"p{n}", "negative": f"n{n}"} for n in range(count)]
        parquet(tmp_path / f"{split}-00000-of-00001.parquet", rows)
    loaded = load("nli", source=str(tmp_path), languages=["norwegian"], split_ratio=[0.98, 0.01, 0.01])
    assert [len(loaded.train), len(loaded.val), len(loaded.test), loaded.held_out] == [6, 2, 1, "own"]
    assert loaded.train[0] == Example("train a0", "p0", ("n0",), source="nli")
    error = refused("nli", source=str(tmp_path), languages=["danish"])
    assert "no training row left" in error.message
    assert "9 of another language" in error.message


def test_eti_has_no_negative_in_its_first_row(tmp_path: Path) -> None:
    rows = [
        {
            "anchor": f"a{n}",
            "positive": f"p{n}",
            "negative": None if n == 0 else f"n{n}",
            "source": "helfo.no",
            "language": "no",
            "task_type": "qa",
            "mode": "x",
        }
        for n in range(4)
    ]
    path = jsonl(tmp_path / "eti.jsonl", rows)
    loaded = load("eti", source=str(path), split_ratio=[1.0, 0, 0])
    assert sorted(texts(loaded.train)) == [
        ("a0", "p0", ()),
        *((f"a{n}", f"p{n}", (f"n{n}",)) for n in (1, 2, 3)),
    ]


PAWS = [{"id": n, "sentence1": f"s{n}", "sentence2": f"t{n}", "label": n % 2} for n in range(10)]


def test_paws_takes_paraphrases_only_from_json_lines_named_json(tmp_path: Path) -> None:
    for name, rows in (
        ("translated_train", PAWS),
        ("translated_dev_2k", PAWS[:4]),
        ("translated_test_2k", PAWS[:2]),
    ):
        jsonl(tmp_path / "nb" / f"{name}.json", rows)
    loaded = load("paws", source=str(tmp_path))
    assert texts(loaded.train) == [(f"s{n}", f"t{n}", ()) for n in (1, 3, 5, 7, 9)]
    assert [len(loaded.val), len(loaded.test)] == [2, 1]
    assert loaded.removed == {"by label": 5 + 2 + 1}


def test_msmarco_triplets_and_many_negatives(tmp_path: Path) -> None:
    parquet(tmp_path / "triplet" / "train-0.parquet", [{"query": "q", "positive": "p", "negative": "n"}])
    assert texts(load("msmarco", source=str(tmp_path), split_ratio=[1, 0, 0]).train) == [("q", "p", ("n",))]
    many = {
        "query": "q",
        "positive": "p",
        "negative_1": "a",
        "negative_2": None,
        "negative_10": "c",
        "score": 3.5,
    }
    path = parquet(tmp_path / "many.parquet", [many])
    columns = {
        "anchor": "query",
        "positive": "positive",
        "negative": ["negative_1", "negative_2", "negative_10"],
    }
    assert texts(load("mine", source=str(path), columns=columns).train) == [("q", "p", ("a", "c"))]
    assert texts(load("mine", source=str(path)).train) == [("q", "p", ("a", "c"))]


def test_msmarco_ids_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    tables = {
        "bert-ensemble-margin-mse": [{"query_id": 1, "positive_id": 7, "negative_id": 8, "score": 2.5}],
        "queries": [{"query_id": "1", "query": "what"}, {"query_id": "2", "query": "other"}],
        "corpus": [{"passage_id": "7", "passage": "this"}, {"passage_id": "8", "passage": "that"}],
    }
    monkeypatch.setattr(
        "splade_cli.datasets.sources.fetch",
        lambda source, config, converted: datasets.DatasetDict(
            train=datasets.Dataset.from_list(tables[config])
        ),
    )
    spec = {
        "source": "sentence-transformers/msmarco",
        "config": "bert-ensemble-margin-mse",
        "split_ratio": [1, 0, 0],
    }
    assert load("msmarco", **spec).train == [Example("what", "this", ("that",), (2.5, 0.0), source="msmarco")]


def scandi_qa(folder: Path) -> Path:
    squad = [
        {"id": n, "question": f"q{n}", "context": f"c{n}", "answers": {"text": ["x"], "answer_start": [1]}}
        for n in range(10)
    ]
    for split, count in (("train", 5), ("validation", 2), ("test", 2)):
        parquet(folder / "norquad" / f"{split}-00000.parquet", squad[:count])
    book = [{"id": "1", "question_stem": "stem", "fact": "a fact", "choices": {"text": ["a"]}, "answer": "A"},
            {"id": "2", "question_stem": "no fact", "fact": None, "choices": {"text": ["a"]}}]  # fmt: skip
    parquet(folder / "noropenbookqa" / "nb" / "train-00000.parquet", book)
    parquet(
        folder / "noropenbookqa" / "nn" / "train-00000.parquet", [{**book[0], "question_stem": "nynorsk"}]
    )
    for language in ("no", "da", "sv"):
        for split, count in (("train", 4), ("val", 1)):
            rows = [{**row, "question": f"{language} {row['question']}"} for row in squad[:count]]
            jsonl(folder / "scandi-qa" / language / f"{split}.jsonl", rows)
    jsonl(
        folder / "supervised-da.jsonl",
        [{"query": f"dq{n}", "pos": f"dp{n}", "kilde": "wiki"} for n in range(20)],
    )
    jsonl(folder / "norwegian-paws-x" / "nb" / "translated_train.json", PAWS)
    return folder


def test_scandi_qa_joins_its_parts(tmp_path: Path) -> None:
    folder = scandi_qa(tmp_path)
    loaded = load("scandi_qa", source=str(folder))
    queries = {row.query for row in loaded.train}
    assert {"q4", "stem", "no q3", "da q3", "sv q3", "s9"} <= queries
    assert "nynorsk" not in queries
    assert sum(row.query.startswith("dq") for row in loaded.train) == 16
    assert {row.positive for row in loaded.train if row.query in ("q1", "stem")} == {"c1", "a fact"}
    assert loaded.removed == {"without positive": 1, "by label": 5}
    assert sum(row.query.startswith("dq") for row in loaded.val) == 2
    assert {"q0", "q1", "no q0"} <= {row.query for row in loaded.val}
    some = load("scandi_qa", source=str(folder), parts=["scandiqa-sv"])
    assert texts(some.train) == [(f"sv q{n}", f"c{n}", ()) for n in range(4)]
    danish = load("scandi_qa", source=str(folder), languages=["danish"])
    assert all(row.query.startswith(("da", "dq")) for row in danish.train)
    local = load("scandi_qa", parts=[f"paws={folder / 'norwegian-paws-x'}"])
    assert len(local.train) == 5


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".parquet"])
def test_files_of_every_kind_with_a_column_mapping(suffix: str, tmp_path: Path) -> None:
    rows = [
        {
            "id": "1",
            "question": "q1",
            "context": "c1",
            "answer": "yes",
            "split": "a",
            "negative": "not named",
        },
        {"id": "2", "question": "q2", "context": "", "answer": "no", "split": "a", "negative": "not named"},
        {"id": "3", "question": "q3", "context": "c3", "answer": "no", "split": "b", "negative": "not named"},
        {"id": "4", "question": " ", "context": "c4", "answer": "no", "split": "a", "negative": "not named"},
    ]
    path = tmp_path / f"rows{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".jsonl":
        jsonl(path, rows)
    elif suffix == ".parquet":
        parquet(path, rows)
    else:
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    loaded = load(
        "mine", source=str(path), columns={"anchor": "question", "positive": "context"}, keep={"split": "a"}
    )
    assert texts(loaded.train) == [("q1", "c1", ())]
    assert loaded.removed == {"without positive": 1, "by split": 1, "without query": 1}
    with_negative = load(
        "mine",
        source=str(path),
        columns={"query": "question", "positive": "context", "negative": "answer"},
        keep={"id": [1, 3]},
    )
    assert texts(with_negative.train) == [("q1", "c1", ("yes",)), ("q3", "c3", ("no",))]
    error = refused("mine", source=str(path), columns={"anchor": "questoin", "positive": "context"})
    assert "no column 'questoin'" in error.message
    assert "did you mean 'question'?" in error.hint


def test_folders_written_by_datasets(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows = Dataset.from_dict(
        {"anchor": ["a", "b"], "positive": ["p", "o"], "negative": [None, "n"], "language": ["no", "da"]}
    )
    rows.save_to_disk(str(tmp_path / "one"))
    DatasetDict(train=rows, validation=rows.select([1])).save_to_disk(str(tmp_path / "two"))
    assert texts(load("mine", source=str(tmp_path / "one")).train) == [("a", "p", ()), ("b", "o", ("n",))]
    two = load("mine", source=str(tmp_path / "two"), languages=["nb", "da"])
    assert [len(two.train), len(two.val), two.held_out] == [2, 1, "own"]
    as_training = load("mine", source=str(tmp_path / "two"), split="validation")
    assert texts(as_training.train) == [("b", "o", ("n",))]


def test_training_json_and_distillation_rows_as_a_dataset(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"query": "q", "positive_document": "p", "negative_documents": ["n", None], "scores": [3, 2, 1]},
        {"query": "q", "docs": ["a", "b"], "scores": [1, 2]},
        {"anchor": "two", "pos": ["x", "y"], "negs": ["z"]},
        {"query": "q", "positive": "p", "label": 0},
        {"query": "q", "positive": None},
    ]
    loaded = load("mine", source=str(jsonl(tmp_path / "rows.jsonl", rows)))
    assert [(row.positive, row.negatives, row.scores) for row in loaded.train] == [
        ("p", ("n",), (3.0, 2.0)), ("b", ("a",), (2.0, 1.0)), ("x", ("z",), None), ("y", ("z",), None)
    ]  # fmt: skip
    assert loaded.removed == {"not relevant": 1, "without positive": 1}
    with pytest.raises(InputError, match="row 1: 'query' is a int"):
        load("mine", source=str(jsonl(tmp_path / "bad.jsonl", [{"query": 3, "positive": "p"}])))


def test_tables_of_judgements_give_their_negatives(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("query,document,is_relevant\nq,d,1\nq,n,0\nr,only,0\n")
    assert texts(load("mine", source=str(tmp_path / "a.csv")).train) == [("q", "d", ("n",))]


def beir(folder: Path) -> Path:
    jsonl(
        folder / "corpus.jsonl", [{"_id": f"d{n}", "title": f"T{n}", "text": f"text {n}"} for n in range(6)]
    )
    jsonl(folder / "queries.jsonl", [{"_id": f"q{n}", "text": f"query {n}"} for n in range(6)])
    (folder / "qrels").mkdir()
    for split, lines in {"train": "q0\td0\t1\nq0\td1\t2\nq1\td2\t0\nq2\tgone\t1\n", "dev": "q3\td3\t1\n",
                         "all": "q5\td5\t1\n"}.items():  # fmt: skip
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + lines)
    return folder


def test_beir_folders_are_training_rows(tmp_path: Path) -> None:
    folder = beir(tmp_path)
    loaded = load("mine", source=str(folder))
    assert texts(loaded.train) == [("query 0", "T0\ntext 0", ()), ("query 0", "T1\ntext 1", ())]
    assert texts(loaded.val) == [("query 3", "T3\ntext 3", ())]
    assert loaded.removed == {"without positive": 1}
    assert texts(load("mine", source=str(folder), split="all").train) == [("query 5", "T5\ntext 5", ())]
    assert (
        "has no split 'trian', only all, dev, train"
        in refused("mine", source=str(folder), split="trian").message
    )
    (folder / "qrels" / "train.tsv").unlink()
    error = refused("mine", source=str(folder))
    assert "no split to train on" in error.message
    assert "split: all" in error.hint


def test_a_folder_of_generated_data_is_read_from_its_training_file(tmp_path: Path) -> None:
    folder = beir(tmp_path)
    for split in ("train", "val"):
        rows = [{"query": f"{split} q", "positive_document": "p", "negative_documents": ["n"]}]
        (folder / f"{split}.json").write_text(json.dumps(rows))
    loaded = load("mine", source=str(folder))
    assert texts(loaded.train) == [("train q", "p", ("n",))]
    assert texts(loaded.val) == [("val q", "p", ("n",))]


@pytest.mark.parametrize("name", ["scifact", "norquad-wiki", "medquad"])
def test_real_collections(name: str, shared_data: Path) -> None:
    folder = shared_data / "data" / name
    loaded = load(name, source=str(folder))
    for split, rows in (("train", loaded.train), ("dev", loaded.val), ("test", loaded.test)):
        path = folder / "qrels" / f"{split}.tsv"
        lines = path.read_text().splitlines()[1:] if path.is_file() else []
        assert len(rows) == sum(int(line.split("\t")[2]) > 0 for line in lines)
    assert loaded.removed == {}
    assert loaded.held_out == "own"
    titles = {json.loads(line)["title"] for line in open(folder / "corpus.jsonl", encoding="utf-8")}  # noqa: SIM115
    assert all(row.query and not row.negatives for row in loaded.train)
    assert all(
        any(title and row.positive.startswith(title) for title in titles) for row in loaded.train[:5]
    ) == (name != "norquad-wiki")


def test_rows_that_share_a_text_are_held_out_together_and_deterministically() -> None:
    rows = [Example(f"q{n // 2}", f"p{n // 3}") for n in range(300)]
    train, val, test = held_out(rows, (0.8, 0.1, 0.1), "42")
    assert len(train) + len(val) + len(test) == 300
    assert 20 <= len(val) <= 30
    assert 20 <= len(test) <= 30
    for text in ("query", "positive"):
        parts = [{getattr(row, text) for row in part} for part in (train, val, test)]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert held_out(rows, (0.8, 0.1, 0.1), "42") == (train, val, test)
    assert held_out(rows, (0.8, 0.1, 0.1), "43") != (train, val, test)
    same = [Example(f"q{n}", "the same") for n in range(10)]
    assert held_out(same, (0.8, 0.1, 0.1), "1") == (same, [], [])


def test_max_rows_is_a_sample_and_counted(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"query": f"q{n}", "positive": f"p{n}"} for n in range(50)])
    loaded = load("mine", source=str(path), max_rows=10)
    assert loaded.removed == {"over max_rows": 40}
    assert {row.query for row in loaded.train} != {f"q{n}" for n in range(10)}
    assert loaded == load("mine", source=str(path), max_rows=10)
    assert loaded.train != load("mine", 7, source=str(path), max_rows=10).train


def test_a_yaml_of_many_datasets(tmp_path: Path) -> None:
    """The keys that people have, verbatim, beside training files and names of their own."""
    scandi_qa(tmp_path / "qa")
    parquet(tmp_path / "ddsc.parquet", DDSC)
    rows = [{"query": "q", "positive_document": "p", "negative_documents": []}]
    for name in ("train.json", "val.json"):
        (tmp_path / name).write_text(json.dumps(rows))
    (tmp_path / "run.yaml").write_text(f"""
datasets:
  train_file: {tmp_path}/train.json
  val_file: {tmp_path}/val.json
  sampling_strategy: "round_robin"
  nli:
    enabled: false
    source: "Fremtind/all-nli-norwegian"
    languages: ["norwegian"]
    split_ratio: [0.98, 0.01, 0.01]
  scandi_qa:
    enabled: true
    source: {tmp_path}/qa
    use_norquad: true
    use_openbookqa: true
    use_scandiqa: true
    use_supervised_da: true
    use_paws: true
    scandiqa_languages: [no, da, sv]
    paws_data_dir: "data/paws-x/x-final"
  ddsc:
    enabled: true
    source: {tmp_path}/ddsc.parquet
    languages: ["norwegian", "danish", "swedish"]
    tasks: null
    split_ratio: [0.98, 0.01, 0.01]
  danish:
    source: {tmp_path}/ddsc.parquet
    columns: {{anchor: query, positive: positive, negative: negative}}
    languages: da
    keep: {{task: [retrieval]}}
""")
    section = resolve(yaml_file=tmp_path / "run.yaml").config.datasets
    loaded = load_datasets(section, 42)
    assert [each.name for each in loaded] == ["train_file", "scandi_qa", "ddsc", "danish"]
    assert [len(each.train) for each in loaded][::2] == [1, 98]
    assert {row.query[:2] for row in loaded[1].train} >= {"no", "da", "sv"}
    assert len(loaded[3].train) == sum(
        row["language"] == "danish" and row["task"] == "retrieval" for row in DDSC
    )
    assert loaded[0].val == loaded[0].train


def test_a_dataset_of_which_only_the_name_is_given(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("datasets:\n  nli: {}\n  scandi_qa:\n  ddsc: {enabled: false}\n")
    named = resolve(yaml_file=tmp_path / "run.yaml").config.datasets.named
    assert {name: spec.enabled for name, spec in named.items()} == {
        "nli": True,
        "scandi_qa": True,
        "ddsc": False,
    }


@pytest.mark.parametrize(
    ("key", "hint"),
    [("split_ration", "datasets.mine.split_ratio"), ("languge_column", "datasets.mine.language_column")],
)
def test_unknown_keys_of_a_dataset(key: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"datasets:\n  mine:\n    source: x/y\n    {key}: 1\n")
    with pytest.raises(InputError, match=f"unknown config key 'datasets.mine.{key}'") as caught:
        resolve(yaml_file=tmp_path / "run.yaml")
    assert hint in caught.value.hint


def test_keys_of_scandi_qa_fit_no_other(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("datasets:\n  mine:\n    source: x/y\n    use_norquad: true\n")
    with pytest.raises(InputError, match="'use_norquad' belongs to the dataset scandi_qa, not to mine"):
        resolve(yaml_file=tmp_path / "run.yaml")


@pytest.mark.parametrize(
    ("name", "keys", "words", "hint"),
    [
        ("nlii", {}, "dataset 'nlii' has no source", "did you mean 'nli'?"),
        ("mine", {"source": "no/such/file.json"}, "no such file or folder: no/such/file.json", "owner/name"),
        ("mine", {"source": "train.json"}, "no such file or folder: train.json", "owner/name"),
        ("scandi_qa", {"parts": []}, "every part", "norquad"),
        ("scandi_qa", {"columns": {"anchor": "x"}}, "'columns' fits none", "dataset of its own"),
        (
            "msmarco",
            {"source": "sentence-transformers/msmarco", "config": "labeled-list"},
            "'labeled-list'",
            "triplets",
        ),
    ],
)
def test_wrong_datasets_are_named(name: str, keys: dict[str, Any], words: str, hint: str) -> None:
    error = refused(name, **keys)
    assert words in error.message
    assert hint in error.hint


def test_languages_need_a_column(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"query": "q", "positive": "p", "lang": "da"}])
    assert "no column 'language'" in refused("mine", source=str(path), languages=["da"]).message
    assert load("mine", source=str(path), languages=["danish"], language_column="lang").train


def test_no_rows_at_all() -> None:
    with pytest.raises(InputError, match="no training file"):
        load_datasets(DatasetsSection.model_validate({"nli": {"enabled": False}}), 42)


def test_the_hub_out_of_reach_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Behind a closed port: no proxy, nobody answers, and the client does not try again and again."""
    from huggingface_hub import constants

    connections: list[Any] = []
    connect = socket.create_connection

    def counted(address: Any, *options: Any, **named: Any) -> socket.socket:
        connections.append(address)
        return connect(address, *options, **named)

    monkeypatch.setattr(socket, "create_connection", counted)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    error = refused("norquad", source="ltg/norquad-that-is-not-in-any-cache")
    assert connections == [("127.0.0.1", 9)]
    assert "cannot be reached for the dataset ltg/norquad-that-is-not-in-any-cache" in error.message
    assert "source: PATH" in error.hint
    assert constants.HF_HUB_OFFLINE is False


def test_reading_rows_needs_no_torch(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", DDSC)
    code = f"""
import sys
from splade_cli.datasets.loading import load_dataset
from splade_cli.config.schema import DatasetSpec
assert len(load_dataset("ddsc", DatasetSpec(source={str(path)!r}), 42).train) == 98
print([name for name in ("torch", "transformers", "datasets", "pandas") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
