"""What is told of a run elsewhere: the keys `mlflow.*` and `model_card.*`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from splade_cli.config.sections.base import Section, language_codes, listed


class MlflowSection(Section):
    """Where MLflow writes, if `training.report_to` names it."""

    tracking_uri: str | None = None
    experiment_name: str = "sparse-encoder-training"
    tags: dict[str, str] = Field({})

    @field_validator("tags", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: str(each) for key, each in value.items()}


class ModelCardSection(Section):
    """What the model's card says where the run itself cannot know."""

    language: list[str] = Field([])
    license: str | None = None
    model_name: str | None = None
    tags: list[str] = Field([])
    library_name: str | None = None
    datasets_used: list[str] = Field([])

    @field_validator("language", mode="before")
    @classmethod
    def _codes(cls, value: Any) -> Any:
        return language_codes(value)

    @field_validator("tags", "datasets_used", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return listed(value)
