"""Names to models: folders of every kind, damage, trust, devices; and the identity of a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from splade_cli.cores import available_threads
from splade_cli.errors import InputError, ModelError
from splade_cli.model.device import choose_device
from splade_cli.model.identity import identity_of
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model

Make = Callable[..., Any]


@pytest.fixture
def copy(bert_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert_folder, tmp_path / "model"))


def refused(name: str | Path, message: str, hint: str = "", option: str = "", **options: Any) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_splade_model(str(name), device="cpu", **options)
    assert hint in caught.value.hint
    assert caught.value.option == option
    assert "\n" not in caught.value.message


def test_the_default_model_unpacks_as_three(load: Make) -> None:
    tokenizer, model, device = load()
    assert model.name == "tiny"
    assert model.fused
    assert not model.training
    assert model.dimensions == len(tokenizer) == 30522
    assert (device.name, device.precision) == ("cpu", "fp32")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_run_folder_stands_for_its_final_model(bert_folder: Path, tmp_path: Path, load: Make) -> None:
    shutil.copytree(bert_folder, tmp_path / "run" / "final")
    assert resolve(str(tmp_path / "run")) == str(tmp_path / "run" / "final")
    assert load(str(tmp_path / "run")).model.identity == load(str(bert_folder)).model.identity


def test_a_folder_called_tiny_wins(
    bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bert_folder, tmp_path / "tiny")
    assert resolve("tiny").endswith("assets/tiny")
    monkeypatch.chdir(tmp_path)
    assert resolve("tiny") == "tiny"


def test_names_that_are_no_model(tmp_path: Path, copy: Path) -> None:
    refused(tmp_path / "none", "no model folder")
    refused("./none", "no model folder")
    refused("a/b/c", "no model folder")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "is a file, a model is a folder", "config.json")
    refused(tmp_path, r"has no config\.json")
    assert resolve("naver/splade-v3") == "naver/splade-v3"


def test_damage_is_told_apart(copy: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused(copy, "weights of .* are damaged", "again")
    weights.unlink()
    refused(copy, "has no safetensors weights", "only if you trust its author", "allow_pickle")
    weights.write_bytes(whole)
    (copy / "config.json").write_text("{")
    refused(copy, "could not be read|damaged")
    (copy / "modules.json").write_text("[")
    refused(copy, r"modules\.json is damaged: not JSON")


def test_pickled_weights_need_permission(copy: Path, load: Make) -> None:
    from safetensors.torch import load_file

    expected = load(str(copy)).model.state_dict()
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    refused(copy, "has no safetensors weights", "a pickle can run any code", "allow_pickle")
    found = load(str(copy), allow_pickle=True).model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_model_without_its_head_is_refused(copy: Path) -> None:
    """Random weights in the head would give vectors that look like vectors."""
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "transform" not in name}
    assert len(kept) < len(weights)
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    refused(copy, "has no complete masked-LM head", "ForMaskedLM")


def test_other_module_chains_are_named(copy: Path) -> None:
    kinds = ["Transformer", "Pooling", "SparseAutoEncoder"]
    modules = [{"idx": n, "name": str(n), "path": f"{n}", "type": f"sentence_transformers.x.{kind}"}
               for n, kind in enumerate(kinds)]  # fmt: skip
    (copy / "modules.json").write_text(json.dumps(modules))
    refused(
        copy, r"modules that sentence-transformers does not have: No module named 'sentence_transformers\.x'"
    )
    modules[-1]["type"] = "sentence_transformers.x.Dense"
    (copy / "modules.json").write_text(json.dumps(modules))
    refused(copy, r"is a dense model, made of Transformer \+ Pooling \+ Dense")


def test_remote_code_needs_permission(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForMaskedLM": "code.Model"}
    config["model_type"] = "my_own"
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "code.py").write_text("raise SystemExit('this must not run')")
    refused(copy, "brings its own Python code", "allow running it", "trust_remote_code")


def test_identity_follows_what_decides_the_vectors(copy: Path) -> None:
    first = identity_of(str(copy))
    (copy / "README.md").write_text("changed")
    shutil.copytree(copy, copy / "checkpoint-3")
    assert identity_of(str(copy)) == first
    assert identity_of(str(shutil.copytree(copy, copy.parent / "elsewhere"))) == first
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (copy / name).write_text((copy / name).read_text() + " ")
        changed = identity_of(str(copy))
        assert changed != first, name
        first = changed
    assert identity_of("naver/splade-v3") == "naver/splade-v3"


@pytest.mark.parametrize(("cuda", "mps", "name"), [(2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
def test_the_device_that_is_best(cuda: int, mps: bool, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name: (8, 0))
    assert choose_device("auto", "fp32").name == name


def test_devices() -> None:
    assert choose_device("cpu").reason == "asked for"
    assert choose_device("cpu", "bf16").torch_dtype == torch.bfloat16
    for device, precision, message in [
        ("gpu", "auto", "unknown device 'gpu'"),
        ("cpu", "fp8", "unknown precision 'fp8'"),
        ("cpu", "fp16", "'fp16' is not supported on the CPU"),
        ("cuda:99", "auto", "'cuda:99' asked for, this machine has"),
    ]:
        with pytest.raises(InputError, match=message):
            choose_device(device, precision)
    assert available_threads() >= 1


@pytest.mark.parametrize("device", ["cuda:x", "cuda:-1", "cpu:3"])
def test_device_numbers_that_are_none(device: str) -> None:
    with pytest.raises(InputError, match=f"'{device}'"):
        choose_device(device)


def test_bf16_on_the_cpu_is_close(bert_folder: Path, load: Make) -> None:
    from splade_cli.model.encode import encode

    texts = ["reset a password", "the table saw"]
    exact = encode(load(str(bert_folder)), texts).toarray()
    low = encode(load(str(bert_folder), precision="bf16"), texts).toarray()
    assert 0 < abs(exact - low).max() < 0.2


def test_a_hub_id_is_known_by_the_commit_that_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert identity_of("some/model") == "some/model"
    repository = tmp_path / "models--some--model"
    for commit in ("c0ffee", "decaf0"):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    assert identity_of("some/model") == "some/model@c0ffee"
    assert identity_of("some/model", "decaf0") == "some/model@decaf0"
