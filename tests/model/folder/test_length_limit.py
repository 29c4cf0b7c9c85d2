"""One length limit in every file of a folder that a loader may read it from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splade_cli.model.folder.length_limit import settle_length_limits, write_length_limit
from splade_cli.model.layout import resolve

LONG = "the lathe needs a steady hand " * 40


def limits(folder: Path) -> set[int]:
    """All limits that the files of a folder name."""
    found = {json.loads((folder / "tokenizer_config.json").read_text())["model_max_length"]}
    found.add(json.loads((folder / "tokenizer.json").read_text())["truncation"]["max_length"])
    sentence = folder / "sentence_bert_config.json"
    if sentence.is_file():
        found.add(json.loads(sentence.read_text())["max_seq_length"])
    return found


def test_the_embedded_model_says_one_number() -> None:
    folder = Path(resolve("tiny"))
    assert limits(folder) == {256}
    assert json.loads((folder / "tokenizer_config.json").read_text())["max_length"] == 256


def test_all_readers_cut_alike(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(make_folder("bert"), tmp_path / "model"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "max_length": 999}))
    write_length_limit(folder, 17, sentence=True)
    assert limits(folder) == {17}
    alone = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(LONG).ids
    assert len(alone) == 17
    assert AutoTokenizer.from_pretrained(folder)(LONG, truncation=True)["input_ids"] == alone
    before = (folder / "tokenizer.json").stat().st_mtime_ns
    write_length_limit(folder, 17)
    assert (folder / "tokenizer.json").stat().st_mtime_ns == before, "what is right is not written again"


def test_sides_are_kept(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(make_folder("bert"), tmp_path / "model"))
    config: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "truncation_side": "left"}))
    write_length_limit(folder, 9)
    assert json.loads((folder / "tokenizer.json").read_text())["truncation"]["direction"] == "Left"
    assert not (folder / "sentence_bert_config.json").exists() or limits(folder) == {9}


def test_each_tokenizer_of_a_folder_keeps_its_own_limit(tmp_path: Path) -> None:
    for name, limit in (("document", 128), ("query", 32), ("endless", 10**30)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
        (tmp_path / name / "tokenizer.json").write_text('{"truncation": null}')
    (tmp_path / "document" / "sentence_bert_config.json").write_text('{"transformer_task": "fill-mask"}')
    settle_length_limits(tmp_path)
    assert limits(tmp_path / "document") == {128}
    assert limits(tmp_path / "query") == {32}
    assert json.loads((tmp_path / "endless" / "tokenizer.json").read_text()) == {"truncation": None}
