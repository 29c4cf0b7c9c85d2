"""Training objective: the keys `loss.*`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from splade_cli.config.sections.base import Section, listed

Regularizer = Literal["flops", "l1", "df-flops", "equipartition"]
_INNER_LOSSES = {
    "sparse_multiple_negatives_ranking_loss": "contrastive",
    "sparse_distill_kl_div_loss": "kl",
    "sparse_margin_mse_loss": "margin_mse",
}


class LossSection(Section):
    """What is minimised. ``auto`` distils where rows carry scores and contrasts where they do not.

    `in_batch_kl` distils from a dense teacher's opinion of every query and document of a batch; for laspar it
    is what ``auto`` does with rows that carry no scores. `target_document_terms` and `target_query_terms`
    hand the weights of the regularisers to a controller. `teachers` score the rows that carry no scores, with
    `rescore` all rows; ``auto`` is the dense teacher at hand. `false_negatives` says what happens to
    negatives that they score like the positive, `source_chunk` whether a query that was written from a chunk
    is distilled with that chunk in its list; ``auto`` drops it where a teacher's run lies beside the rows.
    `raw_scores` keeps one teacher's own scale, for margin_mse. `anchor_weight` holds the model to its base on
    texts of random words. `aux_loss_weight` is CSR's beta, `contrastive_weight` its gamma, and the weight of
    the contrastive part of in_batch_kl.
    """

    type: Literal["auto", "contrastive", "kl", "in_batch_kl", "margin_mse"] = "auto"
    query_regularizer_weight: float | None = Field(None, ge=0)
    document_regularizer_weight: float | None = Field(None, ge=0)
    query_regularizer: Regularizer | None = None
    document_regularizer: Regularizer | None = None
    regularizer_threshold: int | None = Field(None, gt=0)
    regularizer_warmup_ratio: float = Field(1 / 3, gt=0, le=1)
    target_document_terms: float | None = Field(None, gt=0)
    target_query_terms: float | None = Field(None, gt=0)
    anchor_weight: float = Field(0.0, ge=0)
    scale: float | None = Field(None, gt=0)
    student_temperature: float | None = Field(None, gt=0)
    teacher_temperature: float | None = Field(None, gt=0)
    teachers: list[str] = Field([])
    rescore: bool = False
    raw_scores: bool = False
    false_negatives: Literal["keep", "drop", "relabel"] = "keep"
    source_chunk: Literal["auto", "keep", "drop"] = "auto"
    aux_loss_weight: float = Field(0.1, ge=0)
    contrastive_weight: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _teachers_fit(self) -> LossSection:
        if self.false_negatives != "keep" and not self.teachers:
            raise ValueError(
                f"false_negatives '{self.false_negatives}' needs a teacher that tells them: name teachers"
            )
        if self.raw_scores and (self.type != "margin_mse" or len(self.teachers) != 1):
            given = f"{self.type} with {len(self.teachers)}"
            raise ValueError(f"raw_scores is for type margin_mse with one teacher, not for {given}")
        if "auto" in self.teachers and len(self.teachers) > 1:
            raise ValueError("teacher 'auto' is the one at hand, and stands alone: name it, or others")
        return self

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, values: Any) -> Any:
        """`type: splade_loss` with `inner_loss`, as sentence-transformers names its losses."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        inner = values.pop("inner_loss", None)
        if inner is not None and inner not in _INNER_LOSSES:
            raise ValueError(f"unknown inner_loss '{inner}', one of {', '.join(_INNER_LOSSES)}")
        if values.get("type", "auto") in ("splade_loss", "csr_loss", "auto"):
            values["type"] = _INNER_LOSSES.get(inner, "auto")
        return values

    @field_validator("teachers", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("query_regularizer", "document_regularizer", mode="before")
    @classmethod
    def _one_spelling(cls, value: Any) -> Any:
        return "df-flops" if value == "df_flops" else value
