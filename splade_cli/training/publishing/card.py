"""What a run leaves for people to read: its configuration as YAML, and the card of its model. Knows no torch.

A card names files and folders without their place: it is made to be published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from splade_cli.config.schema import Config
from splade_cli.training.publishing.licence import Licence, base_licence

STOCK = ("splade", "inference-free-splade", "csr")
"""Architectures that sentence-transformers opens."""
_TITLES = {
    "splade": "SPLADE",
    "inference-free-splade": "Inference-free SPLADE",
    "csr": "CSR",
    "laspar": "LASPAR",
}
_TERMS = {"query_terms": "active query terms", "document_terms": "active document terms"}
_SETTINGS = {
    "training": (
        *("num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps"),
        *(
            "learning_rate",
            "query_learning_rate",
            "warmup_ratio",
            "weight_decay",
            "max_seq_length",
            "truncate_to",
        ),
        *("fp16", "bf16", "seed", "negatives_per_query"),
    ),
    "loss": (
        *("type", "query_regularizer_weight", "document_regularizer_weight", "target_query_terms"),
        *("target_document_terms", "teachers"),
    ),
}


class Result(Protocol):
    """What a run gave: figures before and after are empty without validation rows."""

    @property
    def steps(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def share(self) -> float: ...
    @property
    def before(self) -> dict[str, float]: ...
    @property
    def after(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class CardFacts:
    """All that a card says.

    `before` and `after` are figures by name (``nDCG@10``, ``query_terms``, ``document_terms``), empty without
    validation; `guard` the same two for a collection that the model was not adapted to. `data` is rows by file or
    dataset, `sources` rows by where they came from, `dimensions` the width V of a vector, `share` the share of tuned
    weights in the average with the base, `license` what the user puts this model under.
    """

    base_model: str
    licence: Licence = field(default_factory=Licence)
    architecture: str = "splade"
    steps: int = 0
    rows: int = 0
    share: float = 1.0
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    guard: tuple[Mapping[str, float], Mapping[str, float]] | None = None
    guard_name: str = ""
    data: Mapping[str, int | None] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    dimensions: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    language: Sequence[str] = ()
    license: str | None = None
    model_name: str | None = None
    tags: Sequence[str] = ()
    datasets_used: Sequence[str] = ()
    library_name: str | None = None
    repo_id: str | None = None
    uncapped: bool = False


def as_yaml(config: Config) -> str:
    """The resolved configuration; `splade train --config` reads it again."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False)
    return text


def model_card(config: Config, result: Result, **more: Any) -> str:
    """README.md of the model that a run gave; `more` are further `CardFacts`."""
    return render(replace(card_facts(config, result), **more))


def card_facts(config: Config, result: Result) -> CardFacts:
    """What configuration and result of a run say by themselves; the base's licence is looked for."""
    wanted = config.model_card
    values = config.model_dump()
    settings = {f"{part}.{key}": values[part].get(key) for part, keys in _SETTINGS.items() for key in keys}
    if config.model.architecture != "inference-free-splade":
        del settings["training.query_learning_rate"]
    train_file = config.datasets.train_file
    return CardFacts(
        base_model=config.model.base_model,
        licence=base_licence(config.model.base_model),
        architecture=config.model.architecture,
        steps=result.steps,
        rows=result.rows,
        share=result.share,
        before=result.before,
        after=result.after,
        data={Path(train_file).name: result.rows} if train_file else {},
        settings={key: value for key, value in settings.items() if value not in (None, [], False, -1)},
        language=wanted.language,
        license=wanted.license,
        model_name=wanted.model_name,
        tags=wanted.tags,
        datasets_used=wanted.datasets_used,
        library_name=wanted.library_name,
        repo_id=config.training.hub_model_id,
    )


def render(facts: CardFacts) -> str:
    """The card as Markdown, the hub's YAML before it."""
    import yaml

    head = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True)
    parts = [_opening(facts), _figures(facts), _data(facts), _settings(facts), _use(facts), _licence(facts)]
    return f"---\n{head}---\n\n" + "\n".join(part for part in parts if part).rstrip() + "\n"


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    stock = facts.architecture in STOCK
    tags = [
        "sparse-encoder",
        "sparse",
        facts.architecture,
        *(["sentence-transformers"] if stock else []),
        "splade-cli",
    ]
    base = facts.base_model if _is_hub_id(facts.base_model) else facts.licence.base_model
    license = facts.license or facts.licence.id
    found: dict[str, Any] = {
        "library_name": facts.library_name or ("sentence-transformers" if stock else "splade-cli"),
        "pipeline_tag": "feature-extraction",
        "tags": list(dict.fromkeys([*tags, *facts.tags])),
        "license": license,
    }
    if license == facts.licence.id:
        found |= {"license_name": facts.licence.name, "license_link": facts.licence.link}
    found |= {
        "base_model": base if _is_hub_id(base) else "",
        "language": list(facts.language),
        "datasets": [name for name in facts.datasets_used if _is_hub_id(name)],
        "model_name": facts.model_name,
    }
    return {key: value for key, value in found.items() if value}


def _opening(facts: CardFacts) -> str:
    title = _TITLES.get(facts.architecture, facts.architecture)
    base = _shown_base(facts.base_model)
    text = f"# {facts.model_name or f'{title} model fine-tuned from `{base}`'}\n\n"
    text += f"{title} sparse encoder, {facts.steps:,} steps on {facts.rows:,} rows from `{base}`"
    if facts.share < 1:
        text += f"; {facts.share:.2f} tuned weights, {1 - facts.share:.2f} base weights"
    if facts.dimensions:
        text += f". A text becomes a vector of {facts.dimensions:,} dimensions, most of them 0, compared by dot product"
    return text + ".\n"


def _figures(facts: CardFacts) -> str:
    if not facts.after:
        return "## Figures\n\nNone: the run had no validation rows, so how good this model is has not been measured.\n"
    text = "## Figures\n\n" + _table("validation", facts.before, facts.after, facts.dimensions)
    text += "\nValidation queries were held out from the same source as the training queries.\n"
    if facts.guard:
        name = facts.guard_name or "another collection"
        text += f"\nOn {name}, which the model was not adapted to:\n\n"
        text += _table(name, *facts.guard, dimensions=facts.dimensions)
    return text


def _table(name: str, before: Mapping[str, float], after: Mapping[str, float], dimensions: int | None) -> str:
    def shown(figures: Mapping[str, float], key: str) -> str:
        value = figures.get(key)
        if value is None:
            return "-"
        if key not in _TERMS:
            return f"{value:.4f}"
        return f"{value:.1f}" + (f" ({value / dimensions:.2%})" if dimensions else "")

    rows = [f"| {_TERMS.get(key, key)} | {shown(before, key)} | {shown(after, key)} |" for key in after]
    return "\n".join([f"| {name} | before | after |", "|---|---|---|", *rows]) + "\n"


def _data(facts: CardFacts) -> str:
    if not (facts.data or facts.sources or facts.datasets_used):
        return ""
    lines = [
        f"- `{name}`" + (f": {rows:,} rows" if rows is not None else "") for name, rows in facts.data.items()
    ]
    lines += [f"- from {name}: {rows:,} rows" for name, rows in facts.sources.items()]
    lines += [f"- {name}" for name in facts.datasets_used]
    return "## Data\n\n" + "\n".join(lines) + "\n"


def _settings(facts: CardFacts) -> str:
    if not facts.settings:
        return ""
    lines = [f"| {key} | {_setting(value)} |" for key, value in facts.settings.items()]
    return "## Settings\n\n| setting | value |\n|---|---|\n" + "\n".join(lines) + "\n"


def _use(facts: CardFacts) -> str:
    place = facts.repo_id or "path/to/this/folder"
    shell = f'splade index DOCS -o index --model {place}\nsplade search index "a question"'
    text = f"## How to use\n\n```sh\npip install splade-cli\n{shell}\n```\n"
    if facts.uncapped:
        return text + (
            "\nThe base model squeezes its logits between bounds, and this model was trained on what comes before\n"
            "that: splade leaves the cap out. sentence-transformers opens the folder too, but applies the cap, and\n"
            "every term is active then.\n"
        )
    if facts.architecture not in STOCK:
        return (
            text
            + "\nsentence-transformers does not know this architecture; `splade_cli.SpladeEmbedder` opens it.\n"
        )
    return text + (
        "\n```python\nfrom sentence_transformers import SparseEncoder\n\n"
        f'model = SparseEncoder("{place}")\n'
        'queries = model.encode_query(["a question"])\n'
        'documents = model.encode_document(["a text that may answer it"])\n'
        "scores = model.similarity(queries, documents)\n```\n"
    )


def _licence(facts: CardFacts) -> str:
    base, found = _shown_base(facts.base_model), facts.licence
    text = f"## Licence\n\nThe base model `{base}` is under {found}. It asks: {found.demands}.\n"
    if found.files:
        text += f"Its {' and '.join(path.name for path in found.files)} goes with this folder.\n"
    if facts.license and facts.license != found.id:
        text += f"\nThis model is published under {facts.license}, which has to agree with the licence of its base.\n"
    return text


def _setting(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return (
        ", ".join(_shown_base(str(each)) for each in value) if isinstance(value, list | tuple) else str(value)
    )


def _is_hub_id(name: str) -> bool:
    return (
        bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name))
        and not name.startswith((".", "~"))
        and not Path(name).exists()
    )


def _shown_base(name: str) -> str:
    """A hub id as it is; of a folder only its own name, and of a run's ``final`` that of the run."""
    if _is_hub_id(name) or not any(mark in name for mark in "/\\"):
        return name
    parts = [part for part in Path(name).parts if part not in ("final", "..", ".", "/")]
    return parts[-1] if parts else name
