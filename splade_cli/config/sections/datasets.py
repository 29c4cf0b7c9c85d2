"""Training data: the keys `datasets.*` and `datasets.NAME.*`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, ConfigDict, Field, field_validator, model_validator

from splade_cli.config.sections.base import Section, language_codes, listed

SCANDI_QA = "scandi_qa"
"""The one known dataset that has several sources, and so a key `parts`."""


class ColumnNames(Section):
    """Which columns of a source are texts or scores. What is not named is no text, whatever it holds."""

    anchor: str | None = Field(None, validation_alias=AliasChoices("anchor", "query"))
    positive: str | None = Field(None, validation_alias=AliasChoices("positive", "document"))
    negative: list[str] = Field([], validation_alias=AliasChoices("negative", "negatives"))
    scores: str | None = Field(None, validation_alias=AliasChoices("scores", "score", "label"))

    @field_validator("negative", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [] if value is None else listed(value)


class DatasetSpec(Section):
    """One named dataset: where its rows come from and which of them are taken.

    `source` is a file, a folder, a BEIR folder or a hub id; the names in `datasets.catalog` have theirs
    already. `split_ratio` (train, validation, test) cuts what the source has no split of its own for; rows
    that share a query or a positive stay together. `keep` maps a column to the value, or values, that a row
    must have. `parts` belongs to ``scandi_qa``: the names of its sources, each with ``=FOLDER`` behind it
    where a local copy is to be read.
    """

    enabled: bool = True
    source: str | None = None
    config: str | None = None
    split: str | None = None
    parts: list[str] | None = None
    columns: ColumnNames | None = None
    languages: list[str] | None = None
    language_column: str | None = None
    tasks: list[str] | None = None
    task_column: str | None = None
    keep: dict[str, Any] | None = None
    split_ratio: tuple[float, float, float] | None = None
    max_rows: int | None = Field(None, gt=0)

    @field_validator("parts", "tasks", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("languages", mode="before")
    @classmethod
    def _codes(cls, value: Any) -> Any:
        return language_codes(value)

    @field_validator("split_ratio")
    @classmethod
    def _adds_up(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is None:
            return None
        if min(value) < 0 or value[0] == 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("train, validation and test shares must be at least 0 and add up to 1")
        return value


class DatasetsSection(Section):
    """Where the rows come from: training files, and any number of named datasets.

    `corpus` holds documents without queries, which csr learns from. `round_robin_until` says when an epoch
    of equal turns ends: when the first dataset is used up, as sentence-transformers has it, or when all are,
    each of which then has its turns as long as it has rows.
    """

    model_config = ConfigDict(extra="allow")

    train_file: str | None = None
    val_file: str | None = None
    corpus: str | None = None
    sampling_strategy: Literal["round_robin", "proportional"] = "proportional"
    round_robin_until: Literal["first_used_up", "all_used_up"] = "first_used_up"
    __pydantic_extra__: dict[str, DatasetSpec]

    @property
    def named(self) -> dict[str, DatasetSpec]:
        """The named datasets in the order of the YAML, those that are not enabled among them."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _parts_fit(self) -> DatasetsSection:
        for name, spec in self.named.items():
            if name != SCANDI_QA and spec.parts is not None:
                raise ValueError(f"'parts' belongs to the dataset {SCANDI_QA}, not to {name}")
        return self
