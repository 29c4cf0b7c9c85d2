"""Model cards, read back as the hub reads them; licences found in cards, licence files, or not at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from splade_cli.config.schema import Config
from splade_cli.training.publishing.card import CardFacts, as_yaml, model_card, render
from splade_cli.training.publishing.licence import (
    Licence,
    base_licence,
    copy_licence,
    front_matter,
    recognised,
)

BEFORE = {"nDCG@10": 0.25, "Recall@100": 0.5, "query_terms": 20.0, "document_terms": 200.0}
AFTER = {"nDCG@10": 0.5, "Recall@100": 0.75, "query_terms": 10.0, "document_terms": 100.0}


def result(**more: Any) -> Any:
    return SimpleNamespace(
        **({"steps": 1200, "rows": 34000, "share": 0.75, "before": BEFORE, "after": AFTER} | more)
    )


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
        model_card=said,
    )
    card = model_card(made, result(), dimensions=1000)
    assert hub_view(card) == {
        "library_name": "sentence-transformers", "pipeline_tag": "feature-extraction", "license": "apache-2.0",
        "tags": ["sparse-encoder", "sparse", "splade", "sentence-transformers", "splade-cli", "kilns"],
        "language": ["no", "da"], "datasets": ["me/kilns"],
    }  # fmt: skip
    assert "| nDCG@10 | 0.2500 | 0.5000 |" in card
    assert "| active document terms | 200.0 (20.00%) | 100.0 (10.00%) |" in card
    assert "1,200 steps on 34,000 rows from `tiny`; 0.75 tuned weights, 0.25 base weights" in card
    assert "- `train.json`: 34,000 rows" in card
    assert "- our wiki" in card
    assert "| training.learning_rate | 2e-05 |" in card
    assert "from sentence_transformers import SparseEncoder" in card
    assert "keep the notices of the author" in card
    assert "secret" not in card, "a card is published: no paths of this machine"
    assert yaml.safe_load(as_yaml(made))["training"]["learning_rate"] == 2e-5


def test_a_run_without_validation() -> None:
    card = model_card(config(), result(before={}, after={}, share=1.0))
    assert "has not been measured" in card
    assert "| validation |" not in card
    assert "tuned weights" not in card
    assert "| nDCG@10 | - | 0.5000 |" in model_card(config(), result(before={})), (
        "resumed without the first figures"
    )


def test_what_the_user_says_wins() -> None:
    made = config(model_card={"license": "mit", "model_name": "Kiln finder", "library_name": "x"},
                  training={"hub_model_id": "me/kilns"})  # fmt: skip
    card = model_card(made, result())
    view = hub_view(card)
    assert (view["license"], view["library_name"], view["model_name"]) == ("mit", "x", "Kiln finder")
    assert "# Kiln finder\n" in card
    assert "published under mit, which has to agree" in card
    assert 'SparseEncoder("me/kilns")' in card


def test_an_architecture_of_our_own_and_a_guard() -> None:
    facts = CardFacts("microsoft/MiniLM-L12-H384-uncased", architecture="laspar", after=AFTER, before=BEFORE,
                      guard=({"nDCG@10": 0.6}, {"nDCG@10": 0.59}), guard_name="scifact")  # fmt: skip
    card = render(facts)
    view = hub_view(card)
    assert (view["library_name"], view["license"]) == ("splade-cli", "unknown")
    assert view["base_model"] == "microsoft/MiniLM-L12-H384-uncased"
    assert "sentence_transformers" not in card
    assert "| nDCG@10 | 0.6000 | 0.5900 |" in card
    assert "under unknown: nothing beside it names one. It asks: unknown as well: ask its author" in card


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


def test_a_local_base_is_named_without_its_place(tmp_path: Path) -> None:
    folder = base(tmp_path / "my-base", README_md="---\nlicense: mit\nbase_model: up/stream\n---\n")
    card = model_card(config(model={"base_model": folder}), result())
    assert hub_view(card)["base_model"] == "up/stream"
    assert "`my-base`" in card
    assert str(tmp_path) not in card


MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy of this software"


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
