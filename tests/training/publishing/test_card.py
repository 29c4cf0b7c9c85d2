"""Model cards, read back as the hub reads them; licences found in cards, licence files, or not at all."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from splade_cli.config.schema import Config
from splade_cli.records import Example
from splade_cli.training.publishing.card import render
from splade_cli.training.publishing.card_facts import CardFacts, card_facts, rows_by_kind, shown_settings
from splade_cli.training.publishing.licence import (
    Licence,
    base_licence,
    copy_licence,
    front_matter,
    recognised,
)
from splade_cli.training.publishing.public_names import public_name
from splade_cli.training.result import Trained
from splade_cli.training.run_folder import as_yaml

BEFORE = {"nDCG@10": 0.25, "Recall@100": 0.5, "query_terms": 20.0, "document_terms": 200.0}
AFTER = {"nDCG@10": 0.5, "Recall@100": 0.75, "query_terms": 10.0, "document_terms": 100.0}
TRAINABLE: Any = SimpleNamespace(
    transformer=SimpleNamespace(model=None),
    view=SimpleNamespace(model=SimpleNamespace(dimensions=1000)),
    is_dense=False,
)


def card_of(made: Config, sources: dict[str, list[Example]] | None = None, **changes: Any) -> str:
    """The card of a run of this configuration."""
    result = Trained(Path("final"), 1200, 1000, BEFORE, AFTER, 0.75, 34000)
    return render(card_facts(TRAINABLE, made, replace(result, **changes), sources or {}))


def hub_view(card: str) -> dict[str, Any]:
    """The front matter as huggingface_hub's own parser reads it."""
    from huggingface_hub import ModelCard

    data: dict[str, Any] = ModelCard(card).data.to_dict()
    return data


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


def test_a_card_of_the_default_model() -> None:
    said = {"language": ["no", "da"], "tags": ["kilns"], "datasets_used": ["me/kilns", "our wiki"]}
    made = config(
        datasets={"train_file": "/home/me/secret/train.json"},
        training={"learning_rate": 2e-5},
        loss={"teachers": ["cross-encoder:/home/me/secret/judge", "dense:a/b", "bm25", "/home/me/secret"]},
        model_card=said,
    )
    rows = [Example("q", "p", source=name) for name in ("secret/a.md", "secret/b.md", "secret/c.html", "")]
    card = card_of(made, {"train.json": rows})
    view = hub_view(card)
    results = view.pop("model-index")
    assert view == {
        "library_name": "sentence-transformers",
        "pipeline_tag": "feature-extraction",
        "license": "apache-2.0",
        "tags": ["sparse-encoder", "sparse", "splade", "sentence-transformers", "splade-cli", "kilns"],
        "language": ["no", "da"],
        "datasets": ["me/kilns"],
    }
    assert results[0]["name"] == "SPLADE model fine-tuned from tiny"
    metrics = [metric for each in results[0]["results"] for metric in each["metrics"]]
    assert {metric["type"]: metric["value"] for metric in metrics} == {
        "ndcg@10": 0.5, "recall@100": 0.75, "query_active_dims": 10.0, "corpus_active_dims": 100.0,
    }  # fmt: skip
    assert "| nDCG@10 | 0.2500 | 0.5000 |\n" in card
    assert "| active document terms | 200.0 (20.00%) | 100.0 (10.00%) |\n" in card
    assert "1,200 steps on 34,000 rows from `tiny`; 0.75 tuned weights, 0.25 base weights" in card
    assert "a vector of 1,000 dimensions" in card
    assert (
        "- `train.json`: 4 rows\n- from Markdown files: 2 rows\n- from web pages: 1 rows\n- me/kilns" in card
    )
    assert "- our wiki" in card
    assert "| training.learning_rate | 2e-05 |" in card
    assert "| loss.teachers | cross-encoder:a local model, dense:a/b, bm25, a local model |" in card
    assert "from sentence_transformers import SparseEncoder" in card
    assert "keep the notices of the author" in card
    assert "secret" not in card, "a card is published: no paths of this machine"
    assert "\n\n\n" not in card
    assert yaml.safe_load(as_yaml(made))["training"]["learning_rate"] == 2e-5


def test_the_commands_of_a_card_run() -> None:
    """Each by the command's own parser."""
    import typer.main

    from splade_cli.cli.main import app

    card = card_of(config())
    block = card.split("```sh\n")[1].split("```")[0].splitlines()
    assert block[0] == "pip install splade-cli"
    for line in block[1:]:
        _, name, *words = shlex.split(line)
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        parsed = command.make_context(name, words).params
        assert all(parsed[key] for key in ("index",) if key in parsed), line


def test_a_run_without_validation() -> None:
    card = card_of(config(), before={}, after={}, share=1.0)
    assert "has not been measured" in card
    assert "| validation |" not in card
    assert "tuned weights" not in card
    assert "model-index" not in hub_view(card)
    assert "| nDCG@10 | - | 0.5000 |" in card_of(config(), before={}), "resumed without the first figures"


def test_what_the_user_says_wins() -> None:
    made = config(model_card={"license": "mit", "model_name": "Kiln finder", "library_name": "x"},
                  training={"hub_model_id": "me/kilns"})  # fmt: skip
    card = card_of(made)
    view = hub_view(card)
    assert (view["license"], view["library_name"]) == ("mit", "x")
    assert view["model-index"][0]["name"] == "Kiln finder"
    assert "# Kiln finder\n" in card
    assert "published under mit, which has to agree" in card
    assert 'SparseEncoder("me/kilns")' in card
    assert "--model me/kilns" in card


def test_an_architecture_of_our_own_and_a_guard() -> None:
    facts = CardFacts("microsoft/MiniLM-L12-H384-uncased", architecture="laspar", after=AFTER, before=BEFORE,
                      guard_before={"nDCG@10": 0.6}, guard_after={"nDCG@10": 0.59},
                      guard_name="scifact")  # fmt: skip
    card = render(facts)
    view = hub_view(card)
    assert (view["library_name"], view["license"]) == ("splade-cli", "unknown")
    assert view["base_model"] == "microsoft/MiniLM-L12-H384-uncased"
    assert "sentence_transformers" not in card
    assert "| scifact | before | after |\n|---|---|---|\n| nDCG@10 | 0.6000 | 0.5900 |\n" in card
    assert "under unknown: nothing beside it names one. It asks: unknown as well: ask its author" in card


def test_rows_are_counted_by_kind_of_file() -> None:
    sources = ["a/b.md", "c.MD", "faq.csv#12", "README", "x.unknown", "page.html", "", "d.markdown"]
    assert rows_by_kind(sources) == {
        "Markdown files": 3, "tables": 1, "text files": 1, "other files": 1, "web pages": 1,
    }  # fmt: skip


def test_settings_that_say_nothing_are_left_out() -> None:
    shown = shown_settings(config())
    assert shown["training.num_train_epochs"] == "3"
    assert not {"training.max_steps", "training.query_learning_rate", "training.fp16"} & set(shown)
    free = config(model={"architecture": "inference-free-splade"}, loss={"query_regularizer_weight": 0})
    assert "training.query_learning_rate" in shown_settings(free)


def test_names_that_may_be_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "kilns").mkdir(parents=True)
    assert public_name("tiny") == "tiny"
    assert public_name("some/body") == "some/body"
    for local in ("runs/kilns", "runs", "./x", "/home/me/x", "~/x", "a/b/c", "C:\\models\\x"):
        assert public_name(local) is None, local


def base(folder: Path, **files: str) -> str:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for name, text in files.items():
        (folder / name.replace("_md", ".md")).write_text(text)
    return str(folder)


def test_a_head_whose_cap_is_left_out_is_told_of() -> None:
    card = render(CardFacts("ltg/norbert4-base", uncapped=True, after=AFTER, before=BEFORE))
    assert "applies the cap" in card
    assert "SparseEncoder(" not in card
    assert "applies the cap" not in render(CardFacts("ltg/norbert4-base"))


def test_where_a_licence_is_found(tmp_path: Path, root: Path) -> None:
    ours = (root / "LICENSE").read_text()
    by_card = base_licence(
        base(tmp_path / "a", README_md="---\nlicense: CC-BY-NC-4.0\nbase_model: [x/y]\n---\n", LICENSE=ours)
    )
    assert (by_card.id, by_card.found_in, by_card.base_model) == ("cc-by-nc-4.0", "model card", "x/y")
    assert "no commercial use" in by_card.demands
    by_file = base_licence(
        base(tmp_path / "b", README_md="---\nlicense: unknown\n---\n", LICENSE=ours, NOTICE="by me")
    )
    assert (by_file.id, by_file.found_in) == ("apache-2.0", "file LICENSE")
    other = base_licence(
        base(
            tmp_path / "c",
            README_md="---\nlicense: other\nlicense_name: house\nlicense_link: https://x.y/z\n---\n",
        )
    )
    assert str(other) == "house (other), as its model card says"
    assert other.demands == "what its text says: https://x.y/z"
    assert not base_licence(
        base(tmp_path / "d", README_md="no front matter; license: mit", LICENSE="do what I say")
    ).known
    assert not base_licence(str(tmp_path / "none")).known
    assert base_licence("tiny").id == "apache-2.0"

    (tmp_path / "final").mkdir()
    assert [path.name for path in copy_licence(by_file, tmp_path / "final")] == ["LICENSE", "NOTICE"]
    assert (tmp_path / "final" / "LICENSE").read_text() == ours
    assert copy_licence(by_file, tmp_path / "final") == []


def test_a_hub_id_is_looked_up_in_the_cache_and_unknown_without_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert base_licence("nobody/nothing-at-all") == Licence()
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    monkeypatch.setattr(
        "splade_cli.model.hub.find_file",
        lambda source, name: tmp_path / name if name == "README.md" else None,
    )
    assert base_licence("somebody/something").id == "mit"


def test_a_local_base_is_not_named(tmp_path: Path) -> None:
    folder = base(tmp_path / "my-base", README_md="---\nlicense: mit\nbase_model: up/stream\n---\n")
    card = card_of(config(model={"base_model": folder}))
    assert hub_view(card)["base_model"] == "up/stream"
    assert "from a local model made from `up/stream`;" in card
    assert "my-base" not in card


MIT = (
    "MIT License\n\nPermission is hereby granted, free of charge, to any person\n"
    "obtaining a copy of this software"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MIT, "mit"),
        (
            "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International Public License",
            "cc-by-nc-sa-4.0",
        ),
        ("Creative Commons Attribution 4.0 International", "cc-by-4.0"),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "gpl-3.0"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3", "agpl-3.0"),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 2", None),
        ("", None),
    ],
)
def test_licences_by_their_words(text: str, found: str | None) -> None:
    assert recognised(text) == found


@pytest.mark.parametrize(
    "card", ["", "---\n", "---\n: : :\n---\n", "---\n- a\n---\n", "text\n---\na: b\n---\n"]
)
def test_front_matter_that_is_none(card: str) -> None:
    assert front_matter(card) == {}


def test_front_matter_with_windows_lines() -> None:
    assert front_matter("\ufeff---\r\nlicense: mit\r\n---\r\n# x") == {"license": "mit"}
