"""Schema of the training YAML: nine sections and the rules between them.

Keys and their meaning are those that trainers on sentence-transformers share, so that a YAML that people have
works.
"""

from __future__ import annotations

from pydantic import model_validator

from splade_cli.config.sections.base import Section
from splade_cli.config.sections.datasets import DatasetSpec, DatasetsSection
from splade_cli.config.sections.evaluation import EvaluationSection
from splade_cli.config.sections.loss import LossSection
from splade_cli.config.sections.model import ModelSection, RouterSection
from splade_cli.config.sections.reporting import MlflowSection, ModelCardSection
from splade_cli.config.sections.training import HardwareSection, TrainingSection

__all__ = [
    "DOCUMENT_WEIGHTS",
    "LEARNING_RATES",
    "QUERY_LEARNING_RATE",
    "QUERY_WEIGHTS",
    "Config",
    "DatasetSpec",
    "DatasetsSection",
    "EvaluationSection",
    "HardwareSection",
    "LossSection",
    "MlflowSection",
    "ModelCardSection",
    "ModelSection",
    "RouterSection",
    "TrainingSection",
]

LEARNING_RATES = {"splade": 2e-5, "inference-free-splade": 2e-5, "csr": 1e-4, "laspar": 1e-4}
QUERY_LEARNING_RATE = 1e-3
"""Of the query table of an inference-free model, where nobody names one."""
QUERY_WEIGHTS = {"splade": 2e-3, "inference-free-splade": 0.0, "csr": 0.0, "laspar": 5e-3}
DOCUMENT_WEIGHTS = {"splade": 2e-3, "inference-free-splade": 3e-3, "csr": 0.0, "laspar": 5e-3}

STUDENT_TEMPERATURE = 4.0
"""Where nobody names one; laspar's is measured, and `scale` is 1 over it there, 1 elsewhere."""
TEACHER_TEMPERATURE = 0.2
TEACHER_OF_LATENTS = 0.05
"""The same for laspar, whose teacher's scores are cosines."""


class Config(Section):
    """A whole training run."""

    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    loss: LossSection = LossSection()
    datasets: DatasetsSection = DatasetsSection()
    evaluation: EvaluationSection = EvaluationSection()
    router: RouterSection = RouterSection()
    mlflow: MlflowSection = MlflowSection()
    model_card: ModelCardSection = ModelCardSection()
    hardware: HardwareSection = HardwareSection()

    @model_validator(mode="after")
    def _rules_between_sections(self) -> Config:
        architecture = self.model.architecture
        loss = self.loss
        sparse_queries = loss.query_regularizer_weight or loss.target_query_terms
        if architecture == "inference-free-splade" and sparse_queries:
            raise ValueError(
                "loss.query_regularizer_weight must be 0 for inference-free-splade: "
                "its queries are their own tokens"
            )
        unregularised = loss.query_regularizer_weight == 0 and loss.target_query_terms is None
        if architecture == "splade" and unregularised:
            raise ValueError(
                "loss.query_regularizer_weight must be above 0 for splade, "
                "or queries grow dense (3e-4 is gentle)"
            )
        for key in ("target_document_terms", "target_query_terms"):
            target = getattr(loss, key)
            if architecture == "csr" and target is not None:
                raise ValueError(
                    f"loss.{key} {target:g} is not for csr, which keeps model.csr_k latents of every text: "
                    "set model.csr_k"
                )
        if self.router.mapping and architecture != "inference-free-splade":
            raise ValueError(f"router.mapping is for inference-free-splade, not for {architecture}")
        if self.router.rates_of_routes and architecture != "inference-free-splade":
            raise ValueError(
                f"router.learning_rate_patterns {self.router.learning_rate_patterns} name a route of "
                f"inference-free-splade, and {architecture} has none: leave them out"
            )
        return self

    @model_validator(mode="after")
    def _one_rate_of_queries(self) -> Config:
        """`query_learning_rate` and the pattern of the query route are one setting under two names."""
        by_pattern = self.router.rates_of_routes.get("query")
        given = self.training.query_learning_rate
        if by_pattern is None:
            return self
        if given is not None and given != by_pattern:
            raise ValueError(
                f"training.query_learning_rate {given:g} and router.learning_rate_patterns {by_pattern:g} "
                "are rates of the same weights: leave one out"
            )
        self.training.query_learning_rate = by_pattern
        return self

    @model_validator(mode="after")
    def _defaults_of_the_architecture(self) -> Config:
        architecture = self.model.architecture
        loss = self.loss
        is_free = architecture == "inference-free-splade"
        if is_free and self.training.query_learning_rate is None and not self.router.rates_of_parameters:
            self.training.query_learning_rate = QUERY_LEARNING_RATE
        if self.training.learning_rate is None:
            self.training.learning_rate = LEARNING_RATES[architecture]
        if loss.query_regularizer_weight is None:
            loss.query_regularizer_weight = QUERY_WEIGHTS[architecture]
        if loss.document_regularizer_weight is None:
            loss.document_regularizer_weight = DOCUMENT_WEIGHTS[architecture]
        if loss.query_regularizer is None:
            loss.query_regularizer = "l1" if architecture == "laspar" else "flops"
        if loss.document_regularizer is None:
            loss.document_regularizer = "equipartition" if architecture == "laspar" else "flops"
        has_latents = architecture == "laspar"
        if loss.teacher_temperature is None:
            loss.teacher_temperature = TEACHER_OF_LATENTS if has_latents else TEACHER_TEMPERATURE
        if not has_latents:
            loss.student_temperature = loss.student_temperature or STUDENT_TEMPERATURE
            loss.scale = loss.scale or 1.0
        elif "teachers" not in loss.model_fields_set and loss.type in ("auto", "in_batch_kl"):
            loss.teachers = ["auto"]
        return self

    @model_validator(mode="after")
    def _one_dense_teacher(self) -> Config:
        if self.loss.type == "in_batch_kl" and len(self.loss.teachers) != 1:
            raise ValueError(f"loss.type in_batch_kl needs one dense teacher, not {len(self.loss.teachers)}")
        return self
