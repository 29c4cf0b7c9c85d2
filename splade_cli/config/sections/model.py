"""Model architecture: the keys `model.*` and `router.*`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from splade_cli.config.sections.base import Section

_NAMES_A_ROUTE = re.compile(r"(?:\.\*)?(?:\\?\.)?(query|document)(?:\\?\.)?(?:\.\*)?")

Architecture = Literal["splade", "inference-free-splade", "csr", "laspar"]


class ModelSection(Section):
    """Which model to start from, and what to make of it.

    `csr_*` belong to csr (`csr_anneal_from` is k at the first step, as a multiple of `csr_k`), `latent_*` to
    laspar (`latent_rank` is r of a factorised U; without `latent_sparse` there is no U, and a dense control
    is trained), `freeze_static_embedding` to inference-free-splade. `activation` is ``relu`` for
    log(1 + relu(x)) and ``log1p_relu`` for the logarithm taken twice.
    """

    base_model: str = "tiny"
    architecture: Architecture = "splade"
    pooling_strategy: Literal["max", "sum"] | None = None
    activation: Literal["relu", "log1p_relu"] | None = None
    use_router: bool | None = None
    freeze_static_embedding: bool = False
    load_pretrained_sparse_encoder: bool | None = None
    csr_k: int = Field(256, gt=0)
    csr_k_aux: int = Field(512, ge=0)
    csr_hidden_dim: int | None = Field(None, gt=0)
    csr_anneal_from: float = Field(1.0, ge=1)
    latent_dimensions: int = Field(4_194_304, gt=0)
    latent_sparse: bool = True
    latent_variant: Literal["attention", "sum"] = "attention"
    latent_rank: int | None = Field(None, gt=0)
    latent_query_k: int = Field(128, gt=0)
    latent_document_k: int = Field(512, gt=0)
    latent_freeze_body: bool = False
    trust_remote_code: bool = False
    allow_pickle: bool = False

    @field_validator("architecture", mode="before")
    @classmethod
    def _short_name(cls, value: Any) -> Any:
        return "inference-free-splade" if value == "inference-free" else value

    @model_validator(mode="after")
    def _router_fits(self) -> ModelSection:
        routed = self.architecture == "inference-free-splade"
        if self.use_router is not None and self.use_router != routed:
            given = str(self.use_router).lower()
            needs = "needs" if routed else "has no place for"
            raise ValueError(
                f"use_router {given}: architecture {self.architecture} {needs} a router; leave use_router out"
            )
        return self

    @model_validator(mode="after")
    def _latents_fit(self) -> ModelSection:
        for key in ("latent_query_k", "latent_document_k"):
            k = getattr(self, key)
            if k > self.latent_dimensions:
                raise ValueError(
                    f"{key} {k} is more than latent_dimensions {self.latent_dimensions}: lower {key}"
                )
        return self


class RouterSection(Section):
    """Inference-free models: which column goes which way, and learning rates by regular expressions.

    A pattern that is nothing but a route's name, such as ``.*\\.query\\..*``, means the parameters of that
    route, and not what a transformer calls ``attention.self.query``.
    """

    mapping: dict[str, Literal["query", "document"]] = Field({})
    learning_rate_patterns: dict[str, float] = Field({})

    @field_validator("learning_rate_patterns")
    @classmethod
    def _can_be_searched(cls, patterns: dict[str, float]) -> dict[str, float]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is no regular expression: {error}") from None
        return patterns

    @property
    def rates_of_routes(self) -> dict[str, float]:
        """Learning rates of the patterns that name a route, by the route."""
        rates = {}
        for pattern, rate in self.learning_rate_patterns.items():
            if match := _NAMES_A_ROUTE.fullmatch(pattern):
                rates[match.group(1)] = rate
        return rates

    @property
    def rates_of_parameters(self) -> dict[str, float]:
        """Learning rates by the patterns that are left: regular expressions of parameter names."""
        patterns = self.learning_rate_patterns
        return {each: rate for each, rate in patterns.items() if not _NAMES_A_ROUTE.fullmatch(each)}
