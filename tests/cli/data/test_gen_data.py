"""`splade gen-data`: what it writes, what it says before it does, and what it refuses."""

from __future__ import annotations

import json

import pytest


def test_it_writes_what_it_says(splade, built):
    rows = json.loads((built / "data/train.json").read_text())
    assert {"query", "positive_document", "negative_documents"} <= rows[0].keys()
    report = json.loads((built / "data/report.json").read_text())
    assert report["train"] == len(rows) > 0
    assert report["documents"] == 5
    corpus = [json.loads(line)["_id"] for line in (built / "data/corpus.jsonl").read_text().splitlines()]
    for split in ("train", "val"):
        for line in (built / f"data/qrels/{split}.tsv").read_text().splitlines()[1:]:
            assert line.split("\t")[1] in corpus


def test_it_is_the_same_twice(splade, built, tmp_path):
    result = splade("gen-data", built / "docs", "-o", tmp_path / "again", "--val-ratio", "0.3")
    assert result.exit_code == 0
    for name in ("train.json", "val.json", "corpus.jsonl", "qrels/train.tsv"):
        assert (tmp_path / "again" / name).read_bytes() == (built / "data" / name).read_bytes()


def test_a_dry_run_writes_nothing(splade, docs, tmp_path):
    result = splade("gen-data", docs, "-o", tmp_path / "out", "--dry-run", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    counts = {"documents": 5, "skipped": 0, "chunks": 5, "queries": 20, "ranked": 5}
    assert facts == {**counts, "language": "english", "language_certainty": "sure"}
    for given, name in (("nb", "norwegian"), ("Klingon", "Klingon")):
        result = splade("gen-data", docs, "-o", tmp_path / "out", "--dry-run", "--language", given)
        assert f"language   {name} (as given)\n" in result.stdout
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_calls_and_asks_nobody(splade, docs, tmp_path):
    words = ("gen-data", docs, "-o", tmp_path / "out", "--dry-run", "--json", "--llm", "m")
    result = splade(*words, "--base-url", "http://127.0.0.1:9/v1", "--queries-per-chunk", 3)
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert (facts["queries"], facts["calls"], facts["cached"]) == (15, 5, 0)
    assert facts["prompt_tokens"] > 500
    assert not (tmp_path / "out").exists()


def test_it_ends_with_the_next_command(splade, docs, tmp_path):
    words = ("gen-data", docs, "-o", tmp_path / "out", "--model", "none", "--teacher", "none")
    result = splade(*words, "--val-ratio", "0.3")
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    next_command = f"next: splade train --train-file {out}/train.json --val-file {out}/val.json -o model"
    assert next_command in result.stderr
    assert "bm25" in result.stdout


@pytest.fixture
def judged(tmp_path):
    """A BEIR folder of five documents and three judged queries."""
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    names = ("kiln", "lathe", "loom", "press", "bike")
    rows = [
        {"_id": name, "title": "", "text": f"The {name} stands in the hall of {name}s."} for name in names
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": f"q{name}", "text": f"where is the {name}"} for name in names[:3]]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    lines = ["query-id\tcorpus-id\tscore", *(f"q{name}\t{name}\t1" for name in names[:3])]
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_judged_queries_are_taken_and_none_is_written(splade, judged, tmp_path):
    words = ("gen-data", judged, "-o", tmp_path / "out", "--qrels", "train")
    done = splade(*words, "--model", "none", "--teacher", "none", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["queries"] == {"human": 3}


def test_judgements_that_are_not_there(splade, judged, tmp_path):
    done = splade("gen-data", judged, "-o", tmp_path / "out", "--qrels", "nope")
    assert done.exit_code == 1
    assert "nope" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--qrels", "train", "--round-trip", "5"], "--round-trip does nothing with --qrels"),
        (["--queries", "rows.jsonl", "--llm", "m"], "--llm does nothing with --queries"),
        (["--qrels", "train", "--queries", "rows.jsonl"], "choose one of them"),
        (["--base-url", "http://localhost:1/v1"], "--llm MODEL"),
        (["--val-ratio", "1"], "--val-ratio must be from 0 to below 1"),
        (["--test-ratio", "0.9", "--qrels", "train"], "test_ratio must leave something to train on"),
        (["--output-format", "xml"], "one of json, jsonl, csv, tsv"),
    ],
)
def test_flags_that_do_not_go_together(splade, judged, tmp_path, flags, said):
    result = splade("gen-data", judged, "-o", tmp_path / "out", *flags)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_formats_a_test_side_and_extensions(splade, docs, tmp_path):
    words = ("gen-data", docs, "-o", tmp_path / "out", "--model", "none", "--teacher", "none", "--json")
    flags = (
        "--output-format",
        "tsv",
        "--test-ratio",
        "0.2",
        "--val-ratio",
        "0.2",
        "--extensions",
        ".md,.txt",
    )
    done = splade(*words, *flags)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["documents"] == 4
    assert facts["test_rows"] > 0
    assert "skipped 1 file: not .md, .txt (.rst 1)" in done.stderr
    train, val = (tmp_path / f"out/{side}.tsv" for side in ("train", "val"))
    assert f"next: splade train --train-file {train} --val-file {val} -o model" in done.stderr
    again = splade(
        "train", "--train-file", train, "--val-file", val, "--dry-run", "--json", "-o", tmp_path / "m"
    )
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["rows"] == facts["train_rows"]
    measured = splade("evaluate", "--data", tmp_path / "out", "--split", "test", "--json")
    assert json.loads(measured.stdout)["queries"] == facts["test_rows"]


def test_the_name_that_earlier_trainers_gave_to_json(splade, docs, tmp_path):
    words = ("gen-data", docs, "-o", tmp_path / "out", "--model", "none", "--teacher", "none")
    assert splade(*words, "--output-format", "splade").exit_code == 0
    assert json.loads((tmp_path / "out/train.json").read_text())


def test_data_around_the_queries_that_an_evaluation_lost(splade, judged, tmp_path):
    lost = tmp_path / "lost.jsonl"
    words = ("evaluate", "--data", judged, "--split", "train", "--no-bm25", "--failures", lost)
    done = splade(*words, "--failures-below", "1.1")
    assert done.exit_code == 0, done.output
    assert "3 queries below nDCG@10 1.1 written to" in done.stderr
    assert len(lost.read_text().splitlines()) == 3
    words = (
        "gen-data",
        judged,
        "-o",
        tmp_path / "out",
        "--for",
        lost,
        "--model",
        "none",
        "--teacher",
        "none",
    )
    made = splade(*words, "--json")
    assert made.exit_code == 0, made.output
    rows = json.loads((tmp_path / "out/train.json").read_text())
    assert not {row["query"] for row in rows} & {json.loads(line)["query"] for line in lost.open()}
    refused = splade(*words, "--qrels", "train", "--force")
    assert (refused.exit_code, "with --for queries are written" in refused.stderr) == (2, True)
    none = splade("evaluate", "--analyze-sparsity", "--failures", lost)
    assert none.exit_code == 2
    assert "--data" in none.stderr


def test_qrels_are_of_a_folder(splade, judged, tmp_path):
    result = splade("gen-data", judged / "corpus.jsonl", "-o", tmp_path / "out", "--qrels", "train")
    assert result.exit_code == 2
    assert "--queries FILE" in result.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--temperature", "-1"], "temperature cannot be below 0"),
        (["--template", "tecnical"], "did you mean 'technical'?"),
        (["--base-url", "localhost:8080"], "not a base URL"),
    ],
)
def test_a_language_model_that_cannot_be_asked_so(splade, docs, tmp_path, flags, said):
    words = ("gen-data", docs, "-o", tmp_path / "out", "--teacher", "none", "--model", "none", "--llm", "m")
    result = splade(*words, *flags)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_unreadable_files_are_reported_and_skipped(splade, docs, tmp_path):
    (docs / "latin.txt").write_bytes("blåbær".encode("latin-1"))
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (docs / "broken.json").write_text("{")
    result = splade("gen-data", docs, "-o", tmp_path / "out", "--model", "none")
    assert result.exit_code == 0, result.output
    for name in ("broken.pdf", "broken.json"):
        assert f"skipped {name}" in result.stderr
    assert "read latin.txt: not UTF-8, read as" in result.stderr


def test_many_skipped_files_are_summed_up_by_reason(splade, docs, tmp_path):
    for number in range(7):
        (docs / f"{number}.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (docs / "broken.json").write_text("{")
    words = ("gen-data", docs, "-o", tmp_path / "out", "--model", "none", "--dry-run")
    told = [line for line in splade(*words).stderr.splitlines() if "skip" in line]
    assert told[0].startswith("skipped 7 such as 0.pdf: ")
    assert told[1].startswith("skipped broken.json: broken JSON")
    assert told[2] == "--show-skipped names all 8"
    everything = splade(*words, "--list-skipped").stderr
    assert all(f"skipped {number}.pdf" in everything for number in range(7))
