"""Model cards: what a run gave, as the Markdown page and the metadata that the model hub reads.

A card is made to be published: it names no file and no folder of the machine that it was made on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.training.publishing.card_facts import DENSE, CardFacts
from splade_cli.training.publishing.licence import Licence
from splade_cli.training.publishing.public_names import LOCAL_MODEL, is_hub_id, public_name

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
STOCK = ("splade", "inference-free-splade", "csr")
"""Architectures that sentence-transformers opens."""
TITLES = {
    "splade": "SPLADE",
    "inference-free-splade": "Inference-free SPLADE",
    "csr": "CSR",
    "laspar": "LASPAR",
    DENSE: "Dense",
}
TERMS = {"query_terms": "active query terms", "document_terms": "active document terms"}
TERM_METRICS = {"query_terms": "query_active_dims", "document_terms": "corpus_active_dims"}
"""What sentence-transformers calls them in its cards."""


@dataclass(frozen=True)
class _Figure:
    """A row of a table of figures."""

    name: str
    before: str
    after: str


def render(facts: CardFacts) -> str:
    """README.md of a model."""
    from huggingface_hub import ModelCard

    card = ModelCard.from_template(
        _metadata(facts),
        template_path=str(TEMPLATE),
        facts=facts,
        title=_title(facts),
        kind=_kind(facts),
        base=_base(facts),
        stock=facts.architecture in STOCK,
        dense=facts.architecture == DENSE,
        model=facts.repo_id or "path/to/this/folder",
        figures=_figures(facts.before, facts.after, facts.dimensions),
        guard_figures=_figures(facts.guard_before, facts.guard_after, facts.dimensions),
        guard_name=facts.guard_name or "another collection",
        settings=facts.settings,
    )
    return str(card).rstrip() + "\n"


def _metadata(facts: CardFacts) -> ModelCardData:
    from huggingface_hub import ModelCardData

    stock = facts.architecture in STOCK
    tags = ["sparse-encoder", "sparse", facts.architecture]
    library = "splade-cli"
    if facts.architecture == DENSE:
        tags = ["dense"]
        stock = True
    if stock:
        tags.append("sentence-transformers")
        library = "sentence-transformers"
    bases = [name for name in (facts.base_model, facts.licence.base_model) if is_hub_id(name)]
    license_id = facts.license or facts.licence.id
    details = facts.licence if license_id == facts.licence.id else Licence()
    results = _evaluation_results(facts)
    named = facts.model_name
    if results and not named:
        named = _title(facts).replace("`", "")  # the hub wants results to have a model
    return ModelCardData(
        base_model=next(iter(bases), None),
        datasets=[name for name in facts.datasets_used if is_hub_id(name)] or None,
        eval_results=results or None,
        language=list(facts.language) or None,
        library_name=facts.library_name or library,
        license=license_id,
        license_name=details.name or None,
        license_link=details.link or None,
        model_name=named,
        pipeline_tag="feature-extraction",
        tags=list(dict.fromkeys([*tags, "splade-cli", *facts.tags])),
    )


def _evaluation_results(facts: CardFacts) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    results = []
    for name, value in facts.after.items():
        results.append(
            EvalResult(
                task_type="sparse-information-retrieval",
                task_name="Sparse Information Retrieval",
                dataset_type="unknown",
                dataset_name="validation",
                metric_type=TERM_METRICS.get(name, name.lower()),
                metric_name=TERMS.get(name, name),
                metric_value=round(value, 4),
            )
        )
    return results


def _kind(facts: CardFacts) -> str:
    return TITLES.get(facts.architecture, facts.architecture)


def _title(facts: CardFacts) -> str:
    return facts.model_name or f"{_kind(facts)} model fine-tuned from {_base(facts)}"


def _base(facts: CardFacts) -> str:
    name = public_name(facts.base_model)
    if name is not None:
        return f"`{name}`"
    if is_hub_id(facts.licence.base_model):
        return f"{LOCAL_MODEL} made from `{facts.licence.base_model}`"
    return LOCAL_MODEL


def _figures(
    before: Mapping[str, float], after: Mapping[str, float], dimensions: int | None
) -> list[_Figure]:
    def shown(figures: Mapping[str, float], key: str) -> str:
        value = figures.get(key)
        if value is None:
            return "-"
        if key not in TERMS:
            return f"{value:.4f}"
        return f"{value:.1f} ({value / dimensions:.2%})" if dimensions else f"{value:.1f}"

    return [_Figure(TERMS.get(key, key), shown(before, key), shown(after, key)) for key in after]
