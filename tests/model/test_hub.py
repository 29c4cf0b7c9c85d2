"""What the errors of the hub's client mean for a model: by class, however wrapped and worded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants, errors

from splade_cli.hub import hub_failure
from splade_cli.model.hub import model_error
from splade_cli.model.options import ModelOptions


def answered(kind: type[Exception], status: int) -> Exception:
    """An error of the hub's client with an answer of that status, whatever HTTP library it is built on."""
    client = importlib.import_module(errors.HTTPError.__module__.partition(".")[0])
    response = client.Response(status, request=client.Request("GET", "https://huggingface.co/o/n"))
    return kind("a sentence that may change", response=response)  # type: ignore[call-arg]


def transport_error() -> Exception:
    client = importlib.import_module(errors.HTTPError.__module__.partition(".")[0])
    error: Exception = client.ConnectTimeout("a sentence that may change")
    return error


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (lambda: answered(errors.GatedRepoError, 403), "forbidden", "o/n is gated or private"),
        (lambda: answered(errors.HfHubHTTPError, 401), "forbidden", "o/n is gated or private"),
        (lambda: answered(errors.HfHubHTTPError, 500), "refused", "the model hub refused o/n"),
        (lambda: answered(errors.RepositoryNotFoundError, 401), "not found", "no model o/n on the hub"),
        (lambda: answered(errors.RevisionNotFoundError, 404), "not found", "no model o/n on the hub"),
        (lambda: errors.LocalEntryNotFoundError("x"), "unreachable", "hub cannot be reached for o/n"),
        (lambda: errors.OfflineModeIsEnabled("x"), "offline", "hub cannot be reached for o/n"),
        (transport_error, "unreachable", "hub cannot be reached for o/n"),
        (lambda: ConnectionRefusedError("x"), "unreachable", "hub cannot be reached for o/n"),
    ],
)
def test_failures_of_the_hub(
    cause: Callable[[], Exception], kind: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    try:
        try:
            raise cause()
        except Exception as error:
            raise OSError("as transformers has it: 403, gated, offline, safetensors not found") from error
    except OSError as error:
        failure = hub_failure(error)
        assert failure is not None
        assert failure.kind == kind
        found = model_error("o/n", error)
    assert words in found.message
    assert found.hint


@pytest.mark.parametrize(
    "error",
    [
        OSError("403 gated: cannot connect, offline"),
        ValueError("401"),
        answered(errors.RemoteEntryNotFoundError, 404),
    ],
)
def test_what_is_no_failure_of_the_hub(error: Exception, bert_folder: Path) -> None:
    assert hub_failure(error) is None
    found = model_error(str(bert_folder), error, ModelOptions(), kind="cross-encoder")
    assert "could not be read as a cross-encoder" in found.message
