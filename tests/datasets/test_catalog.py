"""The known datasets: ids and columns as they are on the hub, and what a spec changes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import errors

from splade_cli.config.schema import DatasetSpec
from splade_cli.datasets.catalog import KNOWN, NAMES, DatasetPart, parts_of
from splade_cli.datasets.hub import fetch
from splade_cli.errors import InputError

HUB = {
    "nli": [("Fremtind/all-nli-norwegian", None, "anchor", "positive", ("negative",))],
    "ddsc": [("DDSC/nordic-embedding-training-data", None, "query", "positive", ("negative",))],
    "eti": [("thivy/eti-embedding-training-data", None, "anchor", "positive", ("negative",))],
    "paws": [("NbAiLab/norwegian-paws-x", "nb", "sentence1", "sentence2", ())],
    "msmarco": [("sentence-transformers/msmarco-bm25", "triplet", "query", "positive", ("negative",))],
    "scandi_qa": [
        ("ltg/norquad", None, "question", "context", ()),
        ("ltg/noropenbookqa", "nb", "question_stem", "fact", ()),
        ("alexandrainst/scandi-qa", "no", "question", "context", ()),
        ("alexandrainst/scandi-qa", "da", "question", "context", ()),
        ("alexandrainst/scandi-qa", "sv", "question", "context", ()),
        ("jealk/supervised-da", None, "query", "pos", ()),
        ("NbAiLab/norwegian-paws-x", "nb", "sentence1", "sentence2", ()),
    ],
}


def parts(name: str, **keys: Any) -> list[DatasetPart]:
    return parts_of(name, DatasetSpec.model_validate(keys))


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_columns(name: str) -> None:
    found = [(part.source, part.config, part.anchor, part.positive, part.negatives) for part in parts(name)]
    assert found == HUB[name]
    assert set(HUB) == set(NAMES)
    assert {part.source for part in parts(name) if part.converted} <= {
        "alexandrainst/scandi-qa",
        "NbAiLab/norwegian-paws-x",
    }
    assert all(
        part.split_ratio is not None and sum(part.split_ratio) == pytest.approx(1) for part in parts(name)
    )


def test_only_the_parts_that_are_named() -> None:
    named = parts("scandi_qa", parts=["openbookqa", "scandiqa-sv", "supervised-da"])
    assert [(part.source, part.config) for part in named] == [
        ("ltg/noropenbookqa", "nb"),
        ("alexandrainst/scandi-qa", "sv"),
        ("jealk/supervised-da", None),
    ]
    assert [part.source for part in parts("scandi_qa", parts="norquad")] == ["ltg/norquad"]


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        ([], "every part of it is off", "norquad"),
        (["norquadd"], "no part 'norquadd'", "did you mean 'norquad'"),
        (["paws=not/there"], "no such file or folder: not/there", "NbAiLab/norwegian-paws-x"),
    ],
)
def test_parts_that_are_none(names: list[str], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parts("scandi_qa", parts=names)
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", [name for name in NAMES if name != "scandi_qa"])
def test_every_key_of_a_spec_arrives(name: str) -> None:
    part = parts(
        name,
        config="c",
        split="s",
        columns={"anchor": "a", "positive": "p", "negative": ["n", "m"], "scores": "w"},
        languages="da",
        language_column="lang",
        tasks=["t"],
        task_column="kind",
        keep={"x": 1},
        split_ratio=["0.5", 0.25, 0.25],
    )[0]
    assert (part.config, part.split, part.anchor, part.positive, part.negatives, part.scores) == (
        "c", "s", "a", "p", ("n", "m"), "w"
    )  # fmt: skip
    assert (part.languages, part.language_column, part.tasks, part.task_column) == (
        ("da",),
        "lang",
        ("t",),
        "kind",
    )
    assert part.keep["x"] == 1
    assert part.split_ratio == (0.5, 0.25, 0.25)
    assert part.source == KNOWN[name].source


def test_a_local_source_drops_what_belongs_to_the_hub(tmp_path: Path) -> None:
    part = parts("paws", source=str(tmp_path))[0]
    assert (part.source, part.config, part.converted, part.keep) == (str(tmp_path), "nb", False, {"label": 1})
    assert parts("paws", source=str(tmp_path / "rows.json"))[0].config is None
    with pytest.raises(InputError, match="no folder"):
        parts("paws", source=str(tmp_path), config="nn")
    (tmp_path / "nn").mkdir()
    assert parts("paws", source=str(tmp_path), config="nn")[0].config == "nn"


def test_local_parts_of_scandi_qa_must_all_be_there(tmp_path: Path) -> None:
    (tmp_path / "norquad").mkdir()
    with pytest.raises(InputError, match="has no 'noropenbookqa'") as caught:
        parts("scandi_qa", source=str(tmp_path))
    assert "leave it out of parts" in caught.value.hint


def test_a_part_may_be_a_local_copy(tmp_path: Path) -> None:
    (part,) = parts("scandi_qa", parts=[f"paws={tmp_path}"])
    assert (part.source, part.anchor, part.keep) == (str(tmp_path), "sentence1", {"label": 1})


def test_what_the_hub_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *given, **named: asked.append((given, named)))
    monkeypatch.setenv("HTTPS_PROXY", "nobody asks it")
    fetch("ltg/noropenbookqa", "nb")
    fetch("alexandrainst/scandi-qa", "da", converted=True)
    files = {"train": "da/train/*.parquet", "validation": "da/val*/*.parquet", "test": "da/test/*.parquet"}
    assert asked == [
        (("ltg/noropenbookqa",), {"name": "nb", "split": None}),
        (
            ("alexandrainst/scandi-qa",),
            {"revision": "refs/convert/parquet", "data_files": files, "split": None},
        ),
    ]


def _hub_error(kind: type[Exception], status: int) -> Exception:
    """An error of the hub's client with an answer of that status."""
    from huggingface_hub import errors

    client = importlib.import_module(errors.HTTPError.__module__.partition(".")[0])
    response = client.Response(status, request=client.Request("GET", "https://huggingface.co/datasets/o/n"))
    return kind("nothing of use", response=response)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (lambda: _hub_error(errors.GatedRepoError, 403), "gated or private"),
        (lambda: _hub_error(errors.HfHubHTTPError, 401), "gated or private"),
        (lambda: errors.LocalEntryNotFoundError("nothing of use"), "the hub cannot be reached"),
        (lambda: errors.OfflineModeIsEnabled("nothing of use"), "the hub cannot be reached"),
        (lambda: ConnectionResetError("nothing of use"), "the hub cannot be reached"),
        (lambda: _hub_error(errors.RepositoryNotFoundError, 404), "cannot be read: said by datasets"),
        (lambda: RuntimeError("a script"), "cannot be read: said by datasets"),
    ],
)
def test_errors_of_the_hub(
    cause: Callable[[], Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the class of what lies under the error of `datasets`, whatever the two say."""
    import datasets

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("said by datasets") from cause()

    monkeypatch.setattr(datasets, "load_dataset", fail)
    monkeypatch.setenv("HTTPS_PROXY", "nobody asks it")
    with pytest.raises(InputError) as caught:
        fetch("o/n", "xx")
    assert words in caught.value.message
    assert caught.value.hint


def test_a_dataset_that_is_not_there_or_gated(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def fail(*_: Any, **__: Any) -> None:
        raise datasets.exceptions.DatasetNotFoundError("it is a gated dataset")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    monkeypatch.setenv("HTTPS_PROXY", "nobody asks it")
    with pytest.raises(InputError, match="not on the hub, or not for you: it is a gated") as caught:
        fetch("o/n")
    assert "hf auth login" in caught.value.hint


def test_a_configuration_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("BuilderConfig not found")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda source: ["nb", "nn"])
    monkeypatch.setenv("HTTPS_PROXY", "nobody asks it")
    with pytest.raises(InputError, match="o/n has no configuration 'xx', but nb, nn"):
        fetch("o/n", "xx")
    with pytest.raises(InputError, match="cannot be read: BuilderConfig"):
        fetch("o/n", "nb")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"split_ratio": [0.5, 0.1, 0.1]}, "add up to 1"),
        ({"split_ratio": [0, 0.5, 0.5]}, "add up to 1"),
        ({"max_rows": 0}, "greater than 0"),
        ({"columns": {"anchr": "x"}}, "not permitted"),
    ],
)
def test_values_that_a_spec_refuses(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DatasetSpec.model_validate(keys)


def test_yaml_reads_no_as_false() -> None:
    assert DatasetSpec.model_validate({"languages": [False, "da"]}).languages == ["no", "da"]
    assert DatasetSpec.model_validate({"languages": False}).languages == ["no"]
