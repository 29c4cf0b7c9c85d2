"""Pushing to a small hub on loopback that keeps what it gets; what it kept is read back and opened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reliability.hub import READER, TOKEN, Hub, running_hub, variables_of
from splade_cli.errors import InputError, ModelError, ServiceError
from splade_cli.training.publishing.contents import PROBES, check_vectors, files_to_push, model_folder
from splade_cli.training.publishing.publish import push_checkpoint, push_to_hub
from splade_cli.training.publishing.publish import require_push as require_push_


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A running `Hub`; huggingface_hub may reach it, and finds no token of the person who runs the tests."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    with running_hub() as server:
        yield server


@pytest.fixture
def folder(bert_folder: Path, tmp_path: Path) -> Path:
    """A run folder whose final/ holds a model, its card, and things that nobody needs."""
    final = tmp_path / "run" / "final"
    final.mkdir(parents=True)
    for path in bert_folder.iterdir():
        (final / path.name).write_bytes(path.read_bytes())
    (final / "README.md").write_text("---\nlicense: apache-2.0\n---\n# kilns\n")
    (final / "1_Pooling[a]").mkdir()
    (final / "1_Pooling[a]" / "config.json").write_text("{}")
    for name in ("optimizer.pt", ".secret", "checkpoint-5/model.safetensors", "runs/events.out.tfevents.1"):
        (final / name).parent.mkdir(exist_ok=True)
        (final / name).write_bytes(b"not for others")
    return tmp_path / "run"


def test_what_arrives_is_what_is_here(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.files["old.bin"] = b"from before"
    hub.files[".gitattributes"] = b"made by the hub"
    made = push_to_hub(folder, "me/kilns", private=True, endpoint=hub.url, message="first")
    final = folder / "final"
    sent = {name: data for name, data in hub.files.items() if name not in ("old.bin", ".gitattributes")}
    expected = {"README.md", "1_Pooling[a]/config.json", "config.json", "model.safetensors", "tokenizer.json",
                "tokenizer_config.json"}  # fmt: skip
    assert set(sent) == expected == set(made.files) == set(files_to_push(final))
    assert sent == {name: (final / name).read_bytes() for name in expected}
    assert (made.commit, made.url, made.others) == ("c" * 40, f"{hub.url}/me/kilns", ["old.bin"])
    assert hub.messages == ["first"]
    assert hub.created[0]["name"] == "kilns"
    assert hub.created[0].get("private", hub.created[0].get("visibility")) in (True, "private")

    arrived = tmp_path / "arrived"
    for name, data in sent.items():
        (arrived / name).parent.mkdir(parents=True, exist_ok=True)
        (arrived / name).write_bytes(data)
    from splade_cli.model.embedder import SpladeEmbedder

    here, there = (
        SpladeEmbedder(str(each), device="cpu").encode(["fire the kiln"]) for each in (final, arrived)
    )
    np.testing.assert_array_equal(here.toarray(), there.toarray())


def test_bytes_that_changed_on_the_way_are_found(hub: Hub, folder: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        hub.corrupt = name
        with pytest.raises(ServiceError, match=f"me/kilns has other bytes than .*final in {name}"):
            push_to_hub(folder, "me/kilns", token=TOKEN, endpoint=hub.url)


def test_a_folder_that_gives_other_vectors_does_not_leave(hub: Hub, folder: Path) -> None:
    from splade_cli.model.embedder import SpladeEmbedder

    embedder = SpladeEmbedder(str(folder), device="cpu")
    vectors = {kind: embedder.encode(PROBES, kind) for kind in ("document", "query")}
    check_vectors(folder / "final", files_to_push(folder / "final"), vectors)
    vectors["query"].data[0] *= 1.5
    with pytest.raises(ModelError, match="other query vectors"):
        push_to_hub(folder, "me/kilns", token=TOKEN, endpoint=hub.url, vectors=vectors)
    (folder / "final" / "model.safetensors").rename(folder / "final" / "model.safetensors.tmp")
    with pytest.raises(ModelError):
        push_to_hub(folder, "me/kilns", token=TOKEN, endpoint=hub.url)
    assert not hub.files
    assert not hub.created


def test_what_is_missing_is_said_before_anything_is_computed(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no token for the model hub") as caught:
        require_push_("me/kilns", endpoint=hub.url)
    assert "HF_TOKEN" in caught.value.hint
    with pytest.raises(ServiceError, match="does not know the token"):
        require_push_("me/kilns", token="hf_bad", endpoint=hub.url)
    assert require_push_("me/kilns", token=TOKEN, endpoint=hub.url) == "me"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert require_push_("me/kilns", endpoint=hub.url) == "me"
    for name in (None, "", "kilns", "a/b/c", "me/ki lns", "../x"):
        with pytest.raises(InputError, match="a repository is needed"):
            require_push_(name, endpoint=hub.url)
    with pytest.raises(ServiceError, match="cannot be reached"):
        require_push_("me/kilns", endpoint="http://127.0.0.1:9")
    with pytest.raises(InputError, match="no model folder"):
        model_folder(tmp_path / "none")
    with pytest.raises(ModelError, match="no config"):
        model_folder(tmp_path)


def test_a_token_that_may_only_read(hub: Hub, folder: Path) -> None:
    with pytest.raises(ServiceError, match="may not write to me/kilns"):
        push_to_hub(folder, "me/kilns", token=READER, endpoint=hub.url)


def test_a_checkpoint_goes_to_a_place_of_its_own(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-7").mkdir()
    (tmp_path / "checkpoint-7" / "trainer_state.json").write_text("{}")
    assert push_checkpoint(tmp_path / "checkpoint-7", "me/kilns", token=TOKEN, endpoint=hub.url) == "c" * 40
    assert hub.files == {"last-checkpoint/trainer_state.json": b"{}"}
    assert hub.messages == ["Training in progress, checkpoint-7"]


@pytest.mark.slow
def test_the_command_in_a_process_of_its_own(hub: Hub, folder: Path, tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    environment = {**os.environ, **variables_of(hub)}
    code = "import typer; from splade_cli.cli.commands.push import push; typer.run(push)"

    def call(*words: str) -> Any:
        return subprocess.run(
            [sys.executable, "-c", code, str(folder), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    dry = call("--repo-id", "me/kilns", "--dry-run")
    assert "would go to" in dry.stdout
    assert not hub.created
    done = call("--repo-id", "me/kilns", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["commit"] == "c" * 40
    assert "apache-2.0, as its model card says" in done.stderr
    assert "the hub has the bytes" in done.stderr
    assert hub.files["config.json"] == (folder / "final" / "config.json").read_bytes()
