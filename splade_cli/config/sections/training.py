"""Optimisation: the keys `training.*` and `hardware.*`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from splade_cli.config.sections.base import Section, listed

Strategy = Literal["steps", "epoch", "no"]
TRACKERS = ("tensorboard", "mlflow")


class TrainingSection(Section):
    """The loop. Lengths are tokens, ratios shares of all steps.

    `max_seq_length` is what the model reads of a text from now on; `truncate_to` what a training step reads,
    where that is less: faster, and the saved model reads as much as before. `mini_batch_size` turns gradient
    caching on: a batch is embedded in parts of so many texts. `grow_batch_from` starts with smaller batches,
    which grow to the full size.

    `tuned_share` is the share of tuned weights in the average with the base. ``auto`` is 0.5 (less where the
    guard collection would lose over 1%) for a base that was a sparse encoder already, and 1 for others, where
    the best weights are kept, and where terms are asked for, which an average would move; ``validation`` lets
    held-out rows choose, which suits rows that people wrote.

    `bf16` multiplies in bfloat16, with ``auto`` where a SPLADE model is trained on a CPU with instructions
    for it. Weights, and what is saved, are float32 in any case. On some processors two runs of one seed are
    then not equal to the bit.

    `learning_rate` follows from the architecture where it is None, and `query_learning_rate` is 1e-3.
    """

    output_dir: str | None = None
    num_train_epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, ge=-1)
    per_device_train_batch_size: int = Field(16, gt=0)
    per_device_eval_batch_size: int = Field(64, gt=0)
    gradient_accumulation_steps: int = Field(1, gt=0)
    mini_batch_size: int | None = Field(None, gt=0)
    grow_batch_from: int | None = Field(None, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    query_learning_rate: float | None = Field(None, gt=0)
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    fp16: bool = False
    bf16: bool | Literal["auto"] = "auto"
    max_seq_length: int | None = Field(None, gt=2)
    truncate_to: int | None = Field(None, gt=2)
    batch_sampler: Literal["no_duplicates", "batch_sampler"] = "no_duplicates"
    eval_strategy: Strategy = "steps"
    eval_steps: int | None = Field(None, gt=0)
    logging_steps: int = Field(10, gt=0)
    save_strategy: Strategy = "steps"
    save_steps: int | None = Field(None, gt=0)
    save_total_limit: int = Field(2, gt=0)
    load_best_model_at_end: bool = True
    metric_for_best_model: str = "nDCG@10"
    greater_is_better: bool | None = None
    early_stopping_patience: int | None = Field(None, gt=0)
    early_stopping_threshold: float = Field(0.0, ge=0)
    negatives_per_query: int = Field(5, ge=0)
    tuned_share: float | Literal["auto", "validation"] = 1.0
    logging_dir: str = "runs"
    run_name: str | None = None
    report_to: list[str] = Field([])
    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_strategy: Literal["end", "checkpoint"] = "end"
    hub_private_repo: bool = False
    dataloader_num_workers: int = Field(0, ge=0, le=256)
    dataloader_pin_memory: bool | None = None
    dataloader_prefetch_factor: int | None = Field(None, gt=0)
    torch_compile: bool = False
    torch_compile_mode: Literal["default", "reduce-overhead", "max-autotune"] | None = None
    resume_from_checkpoint: bool | str | None = None
    seed: int = Field(42, ge=0, lt=1 << 32)

    @field_validator("report_to", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if value in ("none", "None"):
            return []
        return listed(value)

    @field_validator("report_to")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in (*TRACKERS, "none"):
                raise ValueError(f"'{name}' is no tracker: {', '.join(TRACKERS)} or none")
        return [name for name in value if name != "none"]

    @field_validator("eval_strategy", "save_strategy", mode="before")
    @classmethod
    def _bare_no(cls, value: Any) -> Any:
        # YAML 1.1 reads a bare `no` as false
        return "no" if value is False else value

    @field_validator("tuned_share")
    @classmethod
    def _a_share(cls, value: Any) -> Any:
        if isinstance(value, float) and not 0 < value <= 1:
            raise ValueError("a share lies above 0 and at most at 1")
        return value

    @model_validator(mode="after")
    def _fits(self) -> TrainingSection:
        if self.fp16 and self.bf16 is True:
            raise ValueError("fp16 and bf16 exclude each other: set one of them to false")
        if self.push_to_hub and not self.hub_model_id:
            raise ValueError("push_to_hub needs hub_model_id, e.g. your-name/your-model")
        if self.load_best_model_at_end and self.tuned_share not in ("auto", 1.0):
            raise ValueError(
                f"tuned_share {self.tuned_share} would change the weights that load_best_model_at_end keeps: "
                "set one of them to 1, or to false"
            )
        if self.dataloader_prefetch_factor is not None and self.dataloader_num_workers == 0:
            raise ValueError(
                f"dataloader_prefetch_factor {self.dataloader_prefetch_factor} needs dataloader_num_workers "
                "above 0, or leave it out"
            )
        if self.grow_batch_from is not None and self.grow_batch_from > self.per_device_train_batch_size:
            raise ValueError(
                f"grow_batch_from {self.grow_batch_from} is larger than per_device_train_batch_size "
                f"{self.per_device_train_batch_size}, which it grows to: lower it"
            )
        return self


class HardwareSection(Section):
    """Where to compute; `tf32` lets CUDA round float32 products to 19 bits."""

    device: str = "auto"
    gradient_checkpointing: bool = False
    tf32: bool = True
