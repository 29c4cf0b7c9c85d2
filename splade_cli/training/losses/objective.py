"""Training objectives: rows as datasets by their loss and number of negatives, and the loss of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from splade_cli.config.schema import STUDENT_TEMPERATURE, TEACHER_TEMPERATURE, Config, LossSection
from splade_cli.datasets.teacher_run import TeacherRun, is_for_others
from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.training.teachers.matrix import TeacherMatrix

RUN_KIND = "run_kl"
"""Kind of the rows that are distilled from a teacher's run."""


def leaves_source_out(row: Example, negatives: int) -> bool:
    """Whether a row's query was written from a chunk, and there is something to learn beside that chunk.

    Args:
        negatives: kept of the row.
    """
    return (
        is_for_others(row.query_type) and row.scores is not None and min(negatives, len(row.negatives)) >= 2
    )


def without_source(row: Example, negatives: int) -> Example:
    """A row that is distilled without the chunk that its query was written from: its negatives alone.

    Such a query shares words with its chunk as none of a person's does, and the chunk stands far above the
    rest of the list, which then teaches literal match. Rows of other queries, rows without scores, and those
    with fewer than two negatives stay as they are.

    Args:
        negatives: kept of the row; the first takes the place of the positive.
    """
    if not leaves_source_out(row, negatives):
        return row
    assert row.scores is not None
    return replace(
        row,
        positive=row.negatives[0],
        negatives=row.negatives[1:negatives],
        scores=row.scores[1 : negatives + 1],
        explanations=(),
        strategies=(),
    )


def as_datasets(
    sources: Mapping[str, Sequence[Example]],
    negatives: int,
    loss: str,
    scale: float = 1.0,
    teacher: TeacherMatrix | None = None,
    runs: Mapping[str, TeacherRun] | None = None,
    drops_source: bool = False,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Rows of like shape together, since a batch needs equal columns; no row is dropped.

    Args:
        sources: rows by the name of their dataset.
        negatives: kept a row at most.
        scale: labels are teacher scores times this.
        loss: ``auto`` distils (kl) the rows that carry scores for at least two documents; the rest it distils
            from `teacher` (in_batch_kl) where there is one, and contrasts otherwise.
        teacher: has vectors of all texts of the rows that in_batch_kl is for.
        runs: a teacher's, by the name of their dataset. Rows that are distilled from one (run_kl) are
            without the chunk that their query was written from.
        drops_source: other rows are without it, too.

    Returns:
        ``{name: datasets.Dataset}`` with columns query, positive, negative_1.. and label, and ``{name: loss
        kind}``.

    Raises:
        InputError: a distillation loss was asked for and no row carries scores.
    """
    from datasets import Dataset

    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for source, examples in sources.items():
        run = (runs or {}).get(source)
        for example in examples:
            if run is not None and is_in_run(example, negatives, run):
                count = min(negatives, len(example.negatives)) - 1
                groups[source, RUN_KIND, count].append(_as_run_row(example, negatives, run))
                continue
            if drops_source:
                example = without_source(example, negatives)
            kind, row = _as_row(example, negatives, loss, scale, teacher)
            count = min(negatives, len(example.negatives))
            groups[source, kind, count].append(row)
    if loss in ("kl", "margin_mse") and not any(kind == loss for _, kind, _ in groups):
        raise InputError(
            f"loss '{loss}' needs rows with 'scores', and no row has any",
            "use the contrastive loss, or let a teacher score them",
        )
    datasets: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for (source, kind, count), rows in sorted(groups.items()):
        name = f"{source}-{kind}-{count}"
        datasets[name] = Dataset.from_list(rows)
        kinds[name] = kind
    return datasets, kinds


def is_in_run(row: Example, negatives: int, run: TeacherRun) -> bool:
    """Whether a teacher's run speaks of a row's query and all its documents, and the row leaves one out."""
    if not leaves_source_out(row, negatives) or row.query not in run.queries:
        return False
    return all(text in run.documents for text in (row.positive, *row.negatives[:negatives]))


def by_run(
    rows: Sequence[Example], negatives: int, runs: Mapping[str, TeacherRun]
) -> dict[str, list[Example]]:
    """Held-out rows by the dataset whose teacher's run speaks of them, the others as ``val``."""
    parts: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        known = [name for name, run in runs.items() if is_in_run(row, negatives, run)]
        parts[known[0] if known else "val"].append(row)
    return parts


def _as_run_row(row: Example, negatives: int, run: TeacherRun) -> dict[str, Any]:
    """Columns of a row without its source; the label is the run's row, and columns: source, documents."""
    texts = row.negatives[:negatives]
    columns = [run.documents[text] for text in texts]
    made: dict[str, Any] = {"query": row.query, "positive": texts[0]}
    for number, text in enumerate(texts[1:], 1):
        made[f"negative_{number}"] = text
    made["label"] = [run.queries[row.query], run.documents[row.positive], *columns]
    return made


def source_of(name: str) -> str:
    """The configured dataset that a dataset of `as_datasets` is a part of."""
    return name.rsplit("-", 2)[0]


def _as_row(
    example: Example, negatives: int, loss: str, scale: float, teacher: TeacherMatrix | None
) -> tuple[str, dict[str, Any]]:
    """The kind of loss of one row, and its columns."""
    texts = example.negatives[:negatives]
    row: dict[str, Any] = {"query": example.query, "positive": example.positive}
    for number, text in enumerate(texts, 1):
        row[f"negative_{number}"] = text
    has_scores = example.scores is not None and bool(texts)
    if teacher is not None and (loss == "in_batch_kl" or (loss == "auto" and not has_scores)):
        row["label"] = teacher.rows_of(example.query, [example.positive, *texts])
        return "in_batch_kl", row
    if loss in ("contrastive", "in_batch_kl") or example.scores is None or not texts:
        return "contrastive", row
    row["label"] = [score * scale for score in example.scores[: 1 + len(texts)]]
    return "kl" if loss == "auto" else loss, row


def loss_of(
    kind: str,
    encoder: Any,
    config: Config,
    teacher: TeacherMatrix | None = None,
    run: TeacherRun | None = None,
) -> Any:
    """SpladeLoss: regularisers around the inner loss of a kind of rows, one that `as_datasets` names.

    With `training.mini_batch_size` its cached form, which embeds a batch in parts (Gao et al. 2021, arXiv
    2101.06983).
    """
    from sentence_transformers.sparse_encoder import losses as stock

    settings = config.loss
    inner = inner_loss(kind, encoder, settings, teacher, run)
    if config.model.architecture == "laspar" and not config.model.latent_sparse:
        return stock.SpladeLoss(encoder, inner, document_regularizer_weight=0.0)
    latents = encoder[-1].dimensions if config.model.architecture == "laspar" else None
    options: dict[str, Any] = {
        "document_regularizer": regularizer(settings.document_regularizer or "flops", settings, latents),
        "document_regularizer_weight": settings.document_regularizer_weight,
        "query_regularizer": regularizer(settings.query_regularizer or "flops", settings, latents),
        "query_regularizer_weight": settings.query_regularizer_weight,
    }
    size = config.training.mini_batch_size
    if config.model.architecture == "laspar":
        from splade_cli.training.laspar.loss import LatentLoss

        return LatentLoss(encoder, inner, mini_batch_size=size, **options)
    if size is not None:
        return stock.CachedSpladeLoss(encoder, inner, mini_batch_size=size, **options)
    return stock.SpladeLoss(encoder, inner, **options)


def inner_loss(
    kind: str,
    encoder: Any,
    settings: LossSection,
    teacher: TeacherMatrix | None = None,
    run: TeacherRun | None = None,
) -> Any:
    """The loss of one kind of rows, given embeddings."""
    from sentence_transformers.sparse_encoder import losses as stock

    from splade_cli.training.losses.distillation import InBatchDistillation, ListwiseDistillation
    from splade_cli.training.losses.run_distillation import RunDistillation

    temperatures = {
        "student_temperature": settings.student_temperature or STUDENT_TEMPERATURE,
        "teacher_temperature": settings.teacher_temperature or TEACHER_TEMPERATURE,
    }
    if kind == "in_batch_kl" and teacher is not None:
        return InBatchDistillation(
            torch.from_numpy(teacher.vectors), contrastive_weight=settings.contrastive_weight, **temperatures
        )
    if kind == RUN_KIND and run is not None:
        return RunDistillation(run.scores, **temperatures)
    if kind == "kl":
        return ListwiseDistillation(encoder, **temperatures)
    if kind == "margin_mse":
        return stock.SparseMarginMSELoss(encoder)
    return stock.SparseMultipleNegativesRankingLoss(encoder, scale=settings.scale or 1.0)


def regularizer(name: str, settings: LossSection, latents: int | None = None) -> Any:
    """A regulariser by the name that the YAML gives it.

    Args:
        latents: D of a latent model, whose embeddings are slices of their columns.
    """
    from splade_cli.training.sparsity.regularizers import REGULARIZERS

    options: dict[str, Any] = {"threshold": settings.regularizer_threshold}
    if name == "equipartition" and latents is not None:
        options["dimensions"] = latents
    return REGULARIZERS[name](**options)
