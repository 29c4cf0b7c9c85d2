"""`splade build`: what it refuses, what it would do, and what it says of what it did."""

from __future__ import annotations

import json

import pytest

ROWS = [
    {
        "query": "fire clay",
        "positive_document": "The kiln fires clay at 1,060 degrees.",
        "negative_documents": [],
    },
    {
        "query": "weave a scarf",
        "positive_document": "The loom weaves wool on a warp.",
        "negative_documents": [],
    },
]


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "without --llm", 2),
        (["--llm", "m", "--qrels", "train"], "--llm m and --qrels train together", 2),
        (["--queries", "nowhere.json"], "no such file or folder: nowhere.json", 1),
        (["--minutes", "0"], "minutes must be above 0", 2),
        (["--data", "nowhere"], "no such file or folder: nowhere", 1),
        (["--set", "training.output_dir=elsewhere"], "training.output_dir is decided by the build", 2),
        (["--set", "training.max_step=3"], "max_step", 2),
        (["--preset", "nope"], "nope", 2),
    ],
)
def test_what_is_refused_leaves_nothing(splade, docs, tmp_path, words, said, code):
    result = splade("build", docs, "-o", tmp_path / "engine", *words)
    assert result.exit_code == code, result.output
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "engine").exists()


def test_outputs_that_are_refused(splade, docs, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    for output, said in (
        (other, "is not what this command writes, and holds letter.txt"),
        (other / "letter.txt", "is a file, not a folder"),
        ("/dev/null", "is a device, not a folder"),
        (docs, "lie in"),
    ):
        for more in ([], ["--force"], ["--dry-run"]):
            result = splade("build", docs, "-o", output, *more)
            assert result.exit_code == 1, result.output
            assert said in " ".join(result.stderr.split()), (output, more)
    assert (other / "letter.txt").read_text() == "mine"
    result = splade("build", tmp_path / "nowhere", "-o", tmp_path / "engine")
    assert result.exit_code == 1
    assert "no such file or folder" in result.stderr


def test_a_damaged_record_is_told(splade, docs, tmp_path):
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "build.json").write_text('{"stages": 3}')
    result = splade("build", docs, "-o", engine)
    assert result.exit_code == 1
    assert "build.json is damaged" in " ".join(result.stderr.split())
    assert "(--force)" in result.stderr


def test_dry_run_counts_and_writes_nothing(splade, docs, tmp_path):
    result = splade("build", docs, "-o", tmp_path / "engine", "--dry-run", "--json", "--minutes", "1")
    assert result.exit_code == 0, result.output
    planned = json.loads(result.stdout)
    assert (planned["documents"], planned["steps"], planned["stands"]) == (5, 200, [])
    assert not (tmp_path / "engine").exists()


def test_the_base_as_it_is_measured_on_rows(splade, docs, tmp_path):
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS))
    words = ["build", docs, "-o", tmp_path / "engine", "--no-train", "--data", rows]
    result = splade(*words, "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert (made["stages"], made["model"], made["human_queries"]) == (["index", "report"], "tiny", True)
    assert made["report"]["queries"] == 2
    assert made["mode"] == "auto"
    again = splade(*words)
    assert again.exit_code == 0
    assert "nothing to do" in again.stderr
    assert "tiny + BM25" in again.stdout
    for start in (
        "search: splade search",
        "session: splade query",
        "serve: splade serve",
        "measure: splade eval",
    ):
        assert start in again.stderr
    assert f"report: {tmp_path / 'engine' / 'report.html'}" in again.stderr
    anew = splade(*words, "--force", "--json")
    assert json.loads(anew.stdout)["stages"] == ["index", "report"]
    assert not (tmp_path / "engine" / "data").exists(), "no query has to be written"
