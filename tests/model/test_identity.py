"""The identity of a model folder, and the damage that it finds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from splade_cli.errors import ModelError
from splade_cli.model.identity import deciding_files, identity_of, seal
from splade_cli.model.load import load_splade_model
from splade_cli.storage.checksums import CHECKSUMS


@pytest.fixture
def sealed(bert_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(bert_folder, folder)
    seal(folder)
    return folder


def test_checksums_do_not_change_who_a_model_is(sealed: Path, bert_folder: Path) -> None:
    assert identity_of(str(sealed)) == identity_of(str(bert_folder))
    load_splade_model(str(sealed))


def test_every_file_that_decides_vectors_is_covered(sealed: Path) -> None:
    names = deciding_files(sealed)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(names)
    for name in names:
        whole = (sealed / name).read_bytes()
        (sealed / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 4]))
        with pytest.raises(ModelError, match="is damaged") as caught:
            load_splade_model(str(sealed))
        assert name in caught.value.message or "modules.json" in name
        (sealed / name).write_bytes(whole)


def test_a_missing_file_and_damaged_checksums(sealed: Path) -> None:
    (sealed / "tokenizer.json").rename(sealed / "gone")
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):
        identity_of(str(sealed))
    (sealed / "gone").rename(sealed / "tokenizer.json")
    (sealed / CHECKSUMS).write_text("{")
    with pytest.raises(ModelError, match="checksums") as caught:
        identity_of(str(sealed))
    assert CHECKSUMS in caught.value.hint
