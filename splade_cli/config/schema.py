"""What may stand in the training YAML: sections, keys, their types and the rules between them. Reads no file.

Keys and their meaning are those that trainers on sentence-transformers share, so that a YAML that people have works.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

Architecture = Literal["splade", "inference-free-splade", "csr", "laspar"]
Strategy = Literal["steps", "epoch", "no"]
Regularizer = Literal["flops", "l1", "df-flops", "equipartition"]
IGNORED = {
    "hardware.distributed": "start with torchrun or accelerate launch",
    "hardware.world_size": "start with torchrun or accelerate launch",
    "model.patch_sigmoid_for_sparsity": "bounded heads are found and put right by evaluation.preflight",
}
"""Keys that trainers before this one took and that have nothing to do here, and what does their work instead."""

OTHER_NAMES = ("loss.inner_loss",)
"""Keys that are read and become others, `loss.type` here, before a value is checked."""


class Section(BaseModel):
    """A part of the YAML; keys that it does not name are errors."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_keys(cls, values: Any) -> Any:
        """A key with nothing behind it, as `tags:` alone on its line, keeps its default."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            key: value
            for key, value in values.items()
            if value is not None or key not in fields or fields[key].default is None
        }


class ModelSection(Section):
    """Which model to start from, and what to make of it.

    `csr_*` belong to csr (`csr_anneal_from` is k at the first step, as a multiple of `csr_k`), `latent_*` to laspar,
    `freeze_static_embedding` to inference-free-splade. `activation` is ``relu`` for log(1 + relu(x)) and ``log1p_relu``
    for the logarithm taken twice.
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
    latent_variant: Literal["attention", "sum"] = "attention"
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
            wanted = "needs" if routed else "has no place for"
            raise ValueError(
                f"use_router {str(self.use_router).lower()}: architecture {self.architecture} {wanted} a router; "
                "leave use_router out"
            )
        for key in ("latent_query_k", "latent_document_k"):
            if getattr(self, key) > self.latent_dimensions:
                raise ValueError(
                    f"{key} {getattr(self, key)} is more than latent_dimensions {self.latent_dimensions}: lower {key}"
                )
        return self


class TrainingSection(Section):
    """The loop. Lengths are tokens, ratios shares of all steps.

    `max_seq_length` is what the model reads of a text from now on; `truncate_to` what a training step reads, where that
    is less: faster, and the saved model reads as much as before. `mini_batch_size` turns gradient caching on: a batch
    is embedded in parts of so many texts. `grow_batch_from` starts with smaller batches, which grow to the full size.
    `tuned_share` is the share of tuned weights in the average with the base; None is 0.5 (less where the guard
    collection would lose over 1%), and 1 where terms are asked for, which an average would move; ``validation`` lets
    held-out rows choose, which suits rows that people wrote.
    """

    output_dir: str | None = None
    num_train_epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, ge=-1)
    per_device_train_batch_size: int = Field(16, gt=0)
    per_device_eval_batch_size: int = Field(64, gt=0)
    gradient_accumulation_steps: int = Field(1, gt=0)
    mini_batch_size: int | None = Field(None, gt=0)
    grow_batch_from: int | None = Field(None, gt=0)
    learning_rate: float = Field(5e-5, gt=0)
    query_learning_rate: float = Field(1e-3, gt=0)
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    fp16: bool = False
    bf16: bool = False
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
    tuned_share: float | Literal["validation"] | None = None
    logging_dir: str = "runs"
    run_name: str | None = None
    report_to: list[str] = []
    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_strategy: Literal["end", "checkpoint"] = "end"
    hub_private_repo: bool = False
    dataloader_num_workers: int = Field(0, ge=0)
    dataloader_pin_memory: bool | None = None
    dataloader_prefetch_factor: int | None = Field(None, gt=0)
    torch_compile: bool = False
    resume_from_checkpoint: bool | str | None = None
    seed: int = 42

    @field_validator("report_to", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if value in ("none", "None"):
            return []
        return [value] if isinstance(value, str) else value

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
        if self.fp16 and self.bf16:
            raise ValueError("fp16 and bf16 exclude each other: set one of them to false")
        if self.push_to_hub and not self.hub_model_id:
            raise ValueError("push_to_hub needs hub_model_id, e.g. your-name/your-model")
        if self.dataloader_prefetch_factor is not None and self.dataloader_num_workers == 0:
            raise ValueError(
                f"dataloader_prefetch_factor {self.dataloader_prefetch_factor} needs dataloader_num_workers above 0, "
                "or leave it out"
            )
        if self.grow_batch_from is not None and self.grow_batch_from > self.per_device_train_batch_size:
            raise ValueError(
                f"grow_batch_from {self.grow_batch_from} is larger than per_device_train_batch_size "
                f"{self.per_device_train_batch_size}, which it grows to: lower it"
            )
        return self


class LossSection(Section):
    """What is minimised. ``auto`` distils where rows carry scores and contrasts where they do not.

    `target_document_terms` and `target_query_terms` hand the weights of the regularisers to a controller.
    `teachers` score the rows that carry no scores, with `rescore` all rows; `false_negatives` says what happens to
    negatives that they score like the positive; `raw_scores` keeps one teacher's own scale, for margin_mse.
    `anchor_weight` holds the model to its base on texts
    of random words. `aux_loss_weight` and `contrastive_weight` are CSR's beta and gamma.
    """

    type: Literal["auto", "contrastive", "kl", "margin_mse"] = "auto"
    query_regularizer_weight: float | None = Field(None, ge=0)
    document_regularizer_weight: float | None = Field(None, ge=0)
    query_regularizer: Regularizer | None = None
    document_regularizer: Regularizer = "flops"
    regularizer_threshold: int | None = Field(None, gt=0)
    regularizer_warmup_ratio: float = Field(1 / 3, gt=0, le=1)
    target_document_terms: float | None = Field(None, gt=0)
    target_query_terms: float | None = Field(None, gt=0)
    anchor_weight: float = Field(0.0, ge=0)
    scale: float = Field(1.0, gt=0)
    student_temperature: float = Field(4.0, gt=0)
    teacher_temperature: float = Field(0.2, gt=0)
    teachers: list[str] = []
    rescore: bool = False
    raw_scores: bool = False
    false_negatives: Literal["keep", "drop", "relabel"] = "keep"
    aux_loss_weight: float = Field(0.1, ge=0)
    contrastive_weight: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _teachers_fit(self) -> LossSection:
        if self.false_negatives != "keep" and not self.teachers:
            raise ValueError(
                f"false_negatives '{self.false_negatives}' needs a teacher that tells them: name teachers"
            )
        if self.raw_scores and (self.type != "margin_mse" or len(self.teachers) != 1):
            raise ValueError(
                f"raw_scores is for type margin_mse with one teacher, not for {self.type} with {len(self.teachers)}"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, values: Any) -> Any:
        """`type: splade_loss` with `inner_loss`, as sentence-transformers names its losses."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        inner = values.pop("inner_loss", None)
        kinds = {
            "sparse_multiple_negatives_ranking_loss": "contrastive",
            "sparse_distill_kl_div_loss": "kl",
            "sparse_margin_mse_loss": "margin_mse",
        }
        if inner is not None and inner not in kinds:
            raise ValueError(f"unknown inner_loss '{inner}', one of {', '.join(kinds)}")
        if values.get("type", "auto") in ("splade_loss", "csr_loss", "auto"):
            values["type"] = kinds.get(inner, "auto")
        if isinstance(values.get("teachers"), str):
            values["teachers"] = [values["teachers"]]
        return values

    @field_validator("query_regularizer", "document_regularizer", mode="before")
    @classmethod
    def _one_spelling(cls, value: Any) -> Any:
        return "df-flops" if value == "df_flops" else value


def _languages(value: Any) -> Any:
    # YAML 1.1 reads a bare `no` as false, and Norwegian as a language code with it
    listed = [value] if isinstance(value, str | bool) else value
    return ["no" if each is False else each for each in listed] if isinstance(listed, list) else listed


class ColumnNames(Section):
    """Which columns of a source are texts or scores. What is not named is no text, whatever the column holds."""

    anchor: str | None = Field(None, validation_alias=AliasChoices("anchor", "query"))
    positive: str | None = Field(None, validation_alias=AliasChoices("positive", "document"))
    negative: list[str] = Field([], validation_alias=AliasChoices("negative", "negatives"))
    scores: str | None = Field(None, validation_alias=AliasChoices("scores", "score", "label"))

    @field_validator("negative", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [] if value is None else [value] if isinstance(value, str) else value


class DatasetSpec(Section):
    """One named dataset: where its rows come from and which of them are taken.

    `source` is a file, a folder, a BEIR folder or a hub id; the names in `corpus.catalog` have theirs already.
    `split_ratio` (train, validation, test) cuts what the source has no split of its own for; rows that share a query
    or a positive stay together. `keep` maps a column to the value, or values, that a row must have. `use_*`,
    `scandiqa_languages` and `paws_data_dir` belong to ``scandi_qa``.
    """

    enabled: bool = True
    source: str | None = None
    config: str | None = None
    split: str | None = None
    columns: ColumnNames | None = None
    languages: list[str] | None = None
    language_column: str | None = None
    tasks: list[str] | None = None
    task_column: str | None = None
    keep: dict[str, Any] | None = None
    split_ratio: tuple[float, float, float] | None = None
    max_rows: int | None = Field(None, gt=0)
    use_norquad: bool | None = None
    use_openbookqa: bool | None = None
    use_scandiqa: bool | None = None
    use_supervised_da: bool | None = None
    use_paws: bool | None = None
    scandiqa_languages: list[str] | None = None
    paws_data_dir: str | None = None

    @field_validator("languages", "tasks", "scandiqa_languages", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return _languages(value)

    @field_validator("split_ratio")
    @classmethod
    def _whole(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and (min(value) < 0 or value[0] == 0 or abs(sum(value) - 1) > 1e-6):
            raise ValueError("train, validation and test shares must be at least 0 and add up to 1")
        return value


SCANDI_QA_KEYS = tuple(
    key for key in DatasetSpec.model_fields if key.startswith(("use_", "scandiqa_", "paws_"))
)


class DatasetsSection(Section):
    """Where the rows come from: training files, and any number of named datasets.

    `corpus` holds documents without queries, which csr learns from.
    """

    model_config = ConfigDict(extra="allow")

    train_file: str | None = None
    val_file: str | None = None
    corpus: str | None = None
    sampling_strategy: Literal["round_robin", "proportional"] = "proportional"
    __pydantic_extra__: dict[str, DatasetSpec]

    @property
    def named(self) -> dict[str, DatasetSpec]:
        """The named datasets in the order of the YAML, those that are not enabled among them."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _own_keys(self) -> DatasetsSection:
        for name, spec in self.named.items():
            for key in SCANDI_QA_KEYS:
                if name != "scandi_qa" and getattr(spec, key) is not None:
                    raise ValueError(f"'{key}' belongs to the dataset scandi_qa, not to {name}")
        return self


class EvaluationSection(Section):
    """What is measured during and after training; `guard` is a collection that the model is not adapted to."""

    evaluator: Literal["sparse_nanobeir"] | None = None
    nanobeir_datasets: list[str] = ["msmarco", "nfcorpus", "nq"]
    mteb_tasks: list[str] = []
    track_sparsity: bool = True
    log_decoded_samples: int = Field(0, ge=0)
    guard: str | None = None
    preflight: bool = True

    @field_validator("nanobeir_datasets", "mteb_tasks", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("log_decoded_samples", mode="before")
    @classmethod
    def _flag(cls, value: Any) -> Any:
        return (3 if value else 0) if isinstance(value, bool) else value


class RouterSection(Section):
    """Inference-free models: which column goes which way; learning rates by parameter name (regular expressions)."""

    mapping: dict[str, Literal["query", "document"]] = {}
    learning_rate_patterns: dict[str, float] = {}


class MlflowSection(Section):
    """Where MLflow writes, if `training.report_to` names it."""

    tracking_uri: str | None = None
    experiment_name: str = "sparse-encoder-training"
    tags: dict[str, str] = {}

    @field_validator("tags", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return {key: str(each) for key, each in value.items()} if isinstance(value, dict) else value


class ModelCardSection(Section):
    """What the model's card says where the run itself cannot know."""

    language: list[str] = []
    license: str | None = None
    model_name: str | None = None
    tags: list[str] = []
    library_name: str | None = None
    datasets_used: list[str] = []

    @field_validator("language", "tags", "datasets_used", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return _languages(value)


class HardwareSection(Section):
    """Where to compute; `tf32` lets CUDA round float32 products to 19 bits."""

    device: str = "auto"
    gradient_checkpointing: bool = False
    tf32: bool = True


QUERY_WEIGHTS = {"splade": 2e-3, "inference-free-splade": 0.0, "csr": 0.0, "laspar": 5e-3}
DOCUMENT_WEIGHTS = {"splade": 2e-3, "inference-free-splade": 3e-3, "csr": 0.0, "laspar": 5e-3}


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
    def _regularised(self) -> Config:
        """Weights that the architecture demands, where none are given; an error where they contradict it."""
        kind, loss = self.model.architecture, self.loss
        if kind == "inference-free-splade" and (loss.query_regularizer_weight or loss.target_query_terms):
            raise ValueError(
                "loss.query_regularizer_weight must be 0 for inference-free-splade: its queries are their own tokens"
            )
        if kind == "splade" and loss.query_regularizer_weight == 0 and loss.target_query_terms is None:
            raise ValueError(
                "loss.query_regularizer_weight must be above 0 for splade, or queries grow dense (3e-4 is gentle)"
            )
        for key in ("target_document_terms", "target_query_terms"):
            if kind == "csr" and getattr(loss, key) is not None:
                raise ValueError(
                    f"loss.{key} {getattr(loss, key):g} is not for csr, which keeps model.csr_k latents of every text: "
                    "set model.csr_k"
                )
        if loss.query_regularizer_weight is None:
            loss.query_regularizer_weight = QUERY_WEIGHTS[kind]
        if loss.document_regularizer_weight is None:
            loss.document_regularizer_weight = DOCUMENT_WEIGHTS[kind]
        if loss.query_regularizer is None:
            loss.query_regularizer = "l1" if kind == "laspar" else "flops"
        if self.router.mapping and kind != "inference-free-splade":
            raise ValueError(f"router.mapping is for inference-free-splade, not for {kind}")
        return self
