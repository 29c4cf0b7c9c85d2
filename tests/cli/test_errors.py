"""Bad input: two lines that name the value and the next command, exit code 1, never a traceback."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from pathlib import Path

import pytest


def fails(result, *parts: str, code: int = 1) -> None:
    """As expected; `code` 2 is for what the command line by itself says wrongly."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    error = next(line for line in lines if line.startswith("error: "))
    assert any(line.startswith("hint: ") for line in lines), result.stderr
    for part in parts:
        assert part in error + " ".join(lines), result.stderr


@pytest.mark.parametrize("command", ["gen-data", "index"])
def test_documents_that_are_not_there(splade, tmp_path, command):
    fails(splade(command, tmp_path / "nowhere", "-o", tmp_path / "out"), "nowhere")


@pytest.mark.parametrize("command", ["gen-data", "index"])
def test_empty_folder_and_empty_file(splade, tmp_path, command):
    (tmp_path / "empty").mkdir()
    fails(splade(command, tmp_path / "empty", "-o", tmp_path / "out"), "empty")
    (tmp_path / "blank.md").write_text("")
    fails(splade(command, tmp_path / "blank.md", "-o", tmp_path / "out"), "blank.md")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--queries-per-chunk", "-1"), ("--negatives", "0"), ("--batch-size", "-4"), ("--round-trip", "0"),
     ("--max-documents", "-2"), ("--chunk-size", "-5"), ("--chunk-max", "-1"),
     ("--chunk-tokens", "3"),
     ("--overlap", "0.9"), ("--val-ratio", "1.5")],
)  # fmt: skip
def test_sizes_out_of_range(splade, docs, tmp_path, option, value):
    fails(splade("gen-data", docs, "-o", tmp_path / "out", option, value), value, code=2)


def test_sizes_in_two_units(splade, docs, tmp_path):
    for command in ("index", "gen-data"):
        flags = ("--chunk-tokens", "100", "--chunk-max", "900")
        fails(
            splade(command, docs, "-o", tmp_path / "out", *flags),
            "--chunk-max 900",
            "counts characters",
            code=2,
        )


@pytest.mark.parametrize(
    ("option", "value"), [("--epochs", "-1"), ("--batch-size", "0"), ("--lr", "-0.1"), ("--lambda-q", "0")]
)
def test_training_settings_out_of_range(splade, built, tmp_path, option, value):
    words = ("train", "--train-file", built / "data/train.json", "-o", tmp_path / "run", option, value)
    fails(splade(*words), code=2)


def test_output_that_exists(splade, built, tmp_path):
    fails(splade("gen-data", built / "docs", "-o", built / "data"), "exists already", "--force")
    fails(splade("index", built / "docs", "-o", built / "index"), "exists already", "--force")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    fails(
        splade("train", "--train-file", built / "data/train.json", "-o", tmp_path / "run"), "exists already"
    )
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty"]),
        ("[]", ["no training row"]),
        ("{not json", ["not JSON", "line 1"]),
        ('{"query": "a"}', ["dict", "list was expected"]),
        ('["a"]', ["row 1", "str"]),
        ('[{"query": "a", "positive_document": "b"}, {"positive_document": "b"}]', ["row 2", "'query'"]),
        ('[{"query": "a"}]', ["row 1", "'positive_document'"]),
        ('[{"query": "a", "positive_document": "b", "negative_documents": [3]}]', ["row 1", "int"]),
        ('[{"query": "a", "positive_document": "b", "negative_documents": ["c"], "scores": [1, 2, 3]}]', ["3 scores"]),
    ],
)  # fmt: skip
def test_training_files_of_another_shape(splade, tmp_path, text, parts):
    path = tmp_path / "train.json"
    path.write_text(text)
    fails(splade("train", "--train-file", path, "-o", tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


def test_train_without_rows_or_output(splade, built, tmp_path):
    fails(splade("train", "-o", tmp_path / "run"), "--train-file", code=2)
    fails(splade("train", "--train-file", tmp_path / "no.json", "-o", tmp_path / "run"), "no.json")
    fails(splade("train", "--train-file", built / "data/train.json"), "-o", code=2)


def test_config_keys_and_values(splade, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("training:\n  learning_rte: 2e-5\n")
    fails(
        splade("train", "--config", path, "--print-config"),
        "learning_rte",
        "did you mean 'training.learning_rate'?",
    )
    path.write_text("training:\n  num_train_epochs: -3\n")
    fails(splade("train", "--config", path, "--print-config"), "training.num_train_epochs", "-3", str(path))
    path.write_text("training: [1, 2\n")
    fails(splade("train", "--config", path, "--print-config"), "not YAML")
    fails(splade("train", "--preset", "spalde", "--print-config"), "did you mean 'splade'?", code=2)


def test_models_that_cannot_be_used(splade, docs, tmp_path, monkeypatch):
    fails(splade("index", docs, "-o", tmp_path / "i", "--model", "./no-such-folder"), "no-such-folder")
    (tmp_path / "nomodel").mkdir()
    (tmp_path / "nomodel" / "readme.txt").write_text("x")
    fails(splade("index", docs, "-o", tmp_path / "i", "--model", tmp_path / "nomodel"), "config.json")
    from splade_cli.model.layout import resolve

    broken = tmp_path / "broken"
    shutil.copytree(resolve("tiny"), broken)
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    fails(splade("index", docs, "-o", tmp_path / "i", "--model", broken), "model.safetensors is too small")
    (broken / "model.safetensors").unlink()
    (broken / "pytorch_model.bin").write_bytes(b"\0" * 100)
    fails(splade("index", docs, "-o", tmp_path / "i", "--model", broken), "safetensors", "--allow-pickle")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    unreachable = splade("index", docs, "-o", tmp_path / "i", "--model", "nobody/nothing-here")
    fails(unreachable, "cannot be reached", "local folder")
    fails(splade("index", docs, "-o", tmp_path / "i", "--device", "gpu7"), "gpu7", code=2)
    fails(splade("index", docs, "-o", tmp_path / "i", "--precision", "int3"), "int3", code=2)


def test_index_of_another_model(splade, built, tmp_path):
    from splade_cli.model.layout import resolve

    other = tmp_path / "other"
    shutil.copytree(resolve("tiny"), other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "note": "changed"}))
    fails(splade("search", "clay", "--index", built / "index", "--model", other), "made by another model")


def test_damaged_index(splade, built, tmp_path):
    folder = tmp_path / "index"
    shutil.copytree(built / "index", folder)
    tensors = folder / "segments" / "000001.safetensors"
    data = tensors.read_bytes()
    tensors.write_bytes(data[:-7])
    fails(splade("search", "clay", "--index", folder), "000001.safetensors", "splade index")
    tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    fails(splade("search", "clay", "--index", folder), "000001.safetensors", "checksum")
    (folder / "manifest.json").write_text('{"version": 1')
    fails(splade("search", "clay", "--index", folder), "manifest.json")
    fails(splade("index", "verify", tmp_path / "none"), "no index")


def test_search_and_query_need_something(splade, built):
    fails(splade("search", "  ", "--index", built / "index"), "empty")
    fails(splade("search", "clay", "--index", built / "index", "-k", "-3"), "-3", code=2)
    fails(splade("query"), "--index", code=2)


def test_evaluate_names_what_is_missing(splade, built, tmp_path):
    fails(splade("evaluate", "--data", tmp_path), "queries.jsonl")
    fails(splade("evaluate", "--data", built / "data", "--split", "tset"), "tset", "train")
    fails(
        splade("evaluate", "--data", built / "data", "--split", "val", "--measure", "nDGC@10"),
        "did you mean 'nDCG@10'?",
        code=2,
    )
    fails(
        splade("evaluate", "--data", built / "data", "--split", "val", "--fail-under", "nDCG@10"),
        "MEASURE=VALUE",
        code=2,
    )


def test_evaluate_fails_under_a_floor_with_3(splade, built):
    result = splade(
        "evaluate", "--data", built / "data", "--split", "train", "--fail-under", "nDCG@10=1.01", "--no-bm25"
    )
    assert result.exit_code == 3, result.output
    assert "below 1.01" in result.stderr


def test_full_disk_and_forbidden_folder(splade, docs, tmp_path, monkeypatch):
    from splade_cli.index.containers import container_writer

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "out"))

    monkeypatch.setattr(container_writer.os, "fsync", full)
    fails(splade("index", docs, "-o", tmp_path / "out"), "no space left")
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.cache.sqlite3").is_file(), "what was encoded is kept"
    monkeypatch.undo()
    assert splade("index", docs, "-o", tmp_path / "out").exit_code == 0
    assert not (tmp_path / ".out.cache.sqlite3").exists()


def test_a_file_in_the_way(splade, docs, tmp_path):
    (tmp_path / "file").write_text("x")
    fails(splade("index", docs, "-o", Path(tmp_path) / "file" / "index"))


def test_usage_is_2(splade):
    assert splade("search").exit_code == 2
    assert splade("serach").exit_code == 2


def test_force_replaces_no_folder_of_other_things(splade, docs, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.md").write_text("my only copy")
    for words in (("index", tmp_path / "own"), ("export", "tiny", "--prune-vocabulary", "--corpus", docs)):
        fails(
            splade(*words, "-o", tmp_path / "own", "--force"),
            "is not what this command writes",
            "name another output (--output)",
        )
    assert (tmp_path / "own" / "a.md").read_text() == "my only copy"


def test_flags_of_a_search_that_cannot_be(splade, built):
    index = built / "index"
    unknown = splade("search", "clay", "--index", index, "--backend", "foo")
    fails(unknown, "unknown backend 'foo'", "two-step", code=2)
    fails(
        splade("search", "clay", "--index", index, "--mode", "sparse", "--weights", "sparse=1"),
        "--weights is for --mode hybrid",
        code=2,
    )
    fails(
        splade("search", "clay", "--index", index, "--mode", "hybrid", "--weights", "bm25=1,bm25=2"),
        "names bm25 twice",
        code=2,
    )
    fails(splade("search", "cl\udcffay", "--index", index), "the query is not UTF-8 at character 3")
    found = splade("search", "clay", "--index", index, "--filter", "folder = nowhere")
    assert found.exit_code == 0
    assert "no document passes the filter 'folder = nowhere'" in " ".join(found.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["gen-data", "{docs}", "-o", "{out}", "--queries-per-chunk", str(10**12)],
            "queries_per_chunk must be",
        ),
        (["gen-data", "{docs}", "-o", "{out}", "--llm", "m", "--concurrency", str(10**9)], "at most 1,000"),
        (["index", "{docs}", "-o", "{out}", "--prune-terms", str(10**20)], "prune_terms must be at most"),
        (["index", "{docs}", "-o", "{out}", "--workers", str(10**5)], "workers must be at most 256"),
        (["train", "--train-file", "x", "-o", "{out}", "--seed", str(10**20)], "training.seed"),
        (
            ["train", "--train-file", "x", "-o", "{out}", "--set", "training.dataloader_num_workers=100000"],
            "training.dataloader_num_workers",
        ),
    ],
)
def test_absurd_sizes(splade, docs, tmp_path, words, said):
    """Refused before anything is begun, memory taken or a thousand threads started."""
    out = tmp_path / "out"
    result = splade(*[word.format(docs=docs, out=out) for word in words])
    fails(result, said, code=result.exit_code if result.exit_code == 2 else 1)
    assert not (out / "manifest.json").exists()


def test_an_mcp_that_is_too_old_is_told_with_the_command_that_renews_it(splade, tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "old" / "mcp" / "server").mkdir(parents=True)
    for folder in ("mcp", "mcp/server"):
        (tmp_path / "old" / folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "old")
    for name in [*sys.modules]:
        if name == "mcp" or name.startswith("mcp.") or name == "splade_cli.frameworks.mcp":
            monkeypatch.delitem(sys.modules, name)
    words = ("error: the mcp that is installed is too old", 'hint: pip install "splade-cli[mcp]"')
    fails(splade("mcp", "--index", tmp_path), *words)
