"""What a model card says, gathered from the configuration and the result of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.model.splade.decoder import UNCAPPED
from splade_cli.records import Example
from splade_cli.training.publishing.licence import Licence, base_licence
from splade_cli.training.publishing.public_names import public_teacher
from splade_cli.training.result import Trained
from splade_cli.training.trainable import Trainable

FILE_KINDS = {
    "Markdown files": (".md", ".markdown"),
    "reStructuredText files": (".rst",),
    "web pages": (".html", ".htm", ".xhtml"),
    "PDF files": (".pdf",),
    "text files": (".txt", ".text", ""),
    "tables": (".csv", ".tsv", ".json", ".jsonl"),
}
SETTINGS = {
    "training": (
        "num_train_epochs",
        "max_steps",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "learning_rate",
        "query_learning_rate",
        "warmup_ratio",
        "weight_decay",
        "max_seq_length",
        "truncate_to",
        "fp16",
        "bf16",
        "seed",
        "negatives_per_query",
    ),
    "loss": (
        "type",
        "query_regularizer_weight",
        "document_regularizer_weight",
        "target_query_terms",
        "target_document_terms",
        "teachers",
    ),
}
"""The settings that a card shows, by section."""


DENSE = "dense control"
"""In place of an architecture: LASPAR's control is a dense model."""


@dataclass(frozen=True)
class CardFacts:
    """All that a card says.

    Attributes:
        base_model: what the model was trained from, as the configuration names it.
        licence: of the base; `license` is what the user puts this model under.
        share: of tuned weights in the average with the base.
        before, after: figures by name (``nDCG@10``, ``query_terms``, ``document_terms``), empty without
            validation.
        guard_before, guard_after: the same for a collection that the model was not adapted to, `guard_name`.
        data: rows by dataset.
        sources: rows by the kind of file that they came from, see `rows_by_kind`.
        dimensions: the width V of a vector.
        settings: by ``section.key``, as they are shown.
        uncapped: the head was trained without what comes after its decoder.
    """

    base_model: str
    licence: Licence = field(default_factory=Licence)
    architecture: str = "splade"
    steps: int = 0
    rows: int = 0
    share: float = 1.0
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    guard_before: Mapping[str, float] = field(default_factory=dict)
    guard_after: Mapping[str, float] = field(default_factory=dict)
    guard_name: str = ""
    data: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    dimensions: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    language: Sequence[str] = ()
    license: str | None = None
    model_name: str | None = None
    tags: Sequence[str] = ()
    datasets_used: Sequence[str] = ()
    library_name: str | None = None
    repo_id: str | None = None
    uncapped: bool = False


def card_facts(
    trainable: Trainable, config: Config, result: Trained, sources: Mapping[str, Sequence[Example]]
) -> CardFacts:
    """What the card of a run's model says; the base's licence is looked for."""
    card = config.model_card
    transformer_config = getattr(trainable.transformer.model, "config", None)
    return CardFacts(
        base_model=config.model.base_model,
        licence=base_licence(config.model.base_model),
        architecture=DENSE if trainable.is_dense else config.model.architecture,
        steps=result.steps,
        rows=result.rows,
        share=result.share,
        before=result.before,
        after=result.after,
        guard_before=result.guard_before,
        guard_after=result.guard_after,
        guard_name=Path(config.evaluation.guard or "").name,
        data={name: len(rows) for name, rows in sources.items()},
        sources=rows_by_kind(row.source for rows in sources.values() for row in rows),
        dimensions=trainable.view.model.dimensions,
        settings=shown_settings(config),
        language=card.language,
        license=card.license,
        model_name=card.model_name,
        tags=card.tags,
        datasets_used=card.datasets_used,
        library_name=card.library_name,
        repo_id=config.training.hub_model_id,
        uncapped=bool(getattr(transformer_config, UNCAPPED, False)),
    )


def shown_settings(config: Config) -> dict[str, str]:
    """The settings that a card shows, those that say nothing left out."""
    values = config.model_dump()
    shown = {}
    for section, keys in SETTINGS.items():
        for key in keys:
            if key == "query_learning_rate" and config.model.architecture != "inference-free-splade":
                continue
            value = values[section].get(key)
            if value not in (None, [], False, -1):
                shown[f"{section}.{key}"] = _shown(value)
    return shown


def rows_by_kind(sources: Iterable[str]) -> dict[str, int]:
    """How many rows came from which kind of file, the most first.

    Args:
        sources: the document of each row, or nothing where it is not known; their names stay here.
    """
    by_suffix = {suffix: kind for kind, suffixes in FILE_KINDS.items() for suffix in suffixes}
    kinds: Counter[str] = Counter()
    for source in sources:
        if source:
            suffix = PurePosixPath(source.partition("#")[0]).suffix.lower()
            kinds[by_suffix.get(suffix, "other files")] += 1
    return dict(kinds.most_common())


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(public_teacher(str(each)) for each in value)
    return str(value)
