"""The configurations that people have of the earlier Scandinavian trainer, key by key, and small local copies.

`FILES` holds what each says: regular SPLADE, inference-free SPLADE and CSR, for a laptop, for one GPU and for
several. `local_copies` writes the data that they name, a few rows of each; `OVERRIDES` is what has to be said
on a machine without them: where the copies lie, and that there is no GPU and no hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

TASKS = ["NorQuAD", "SNL"]
SPLIT = [0.98, 0.01, 0.01]
HUB = {"push_to_hub": True, "hub_strategy": "checkpoint", "hub_private_repo": False}
COMMON: dict[str, dict[str, Any]] = {
    "training": {
        "num_train_epochs": 1,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 16,
        "gradient_accumulation_steps": 1,
        "learning_rate": 0.00002,
        "warmup_ratio": 0.1,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "fp16": False,
        "bf16": True,
        "max_seq_length": 256,
        "batch_sampler": "no_duplicates",
        "eval_strategy": "steps",
        "eval_steps": 1000,
        "logging_steps": 100,
        "save_strategy": "steps",
        "save_steps": 1000,
        "save_total_limit": 1,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_NanoBEIR_mean_dot_ndcg@10",
        "greater_is_better": True,
        "run_name": "multidataset",
        "report_to": ["tensorboard", "mlflow"],
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        **HUB,
    },
    "mlflow": {
        "tracking_uri": "mlruns",
        "experiment_name": "sparse-encoder-scandinavian",
        "tags": {"project": "scandinavian-sparse-embeddings", "framework": "sentence-transformers"},
    },
    "datasets": {
        "sampling_strategy": "round_robin",
        "nli": {
            "enabled": True,
            "source": "Fremtind/all-nli-norwegian",
            "languages": ["norwegian"],
            "split_ratio": SPLIT,
        },
        "scandi_qa": {
            "enabled": True,
            "use_norquad": True,
            "use_openbookqa": True,
            "use_scandiqa": True,
            "use_supervised_da": True,
            "use_paws": True,
            "scandiqa_languages": ["no", "da", "sv"],
            "paws_data_dir": "data/paws-x/x-final",
        },
        "ddsc": {
            "enabled": True,
            "languages": ["norwegian", "danish", "swedish"],
            "tasks": None,
            "split_ratio": SPLIT,
        },
    },
    "evaluation": {
        "evaluator": "sparse_nanobeir",
        "nanobeir_datasets": ["msmarco", "nfcorpus"],
        "mteb_tasks": TASKS,
        "track_sparsity": True,
        "log_decoded_samples": 10,
    },
    "model_card": {
        "language": ["no", "da", "sv"],
        "license": "mit",
        "library_name": "sentence-transformers",
        "tags": ["sparse-encoder", "norwegian", "danish", "swedish"],
        "model_name": "A sparse encoder",
        "datasets_used": ["Fremtind/all-nli-norwegian", "NorQuAD"],
    },
    "hardware": {"device": "mps", "gradient_checkpointing": False, "distributed": False, "world_size": 1},
}
REGULAR: dict[str, dict[str, Any]] = {
    "model": {
        "base_model": "ltg/norbert3-base",
        "architecture": "splade",
        "pooling_strategy": "max",
        "use_router": False,
    },
    "training": {"output_dir": "models/regular", "hub_model_id": "thivy/regular"},
    "loss": {
        "type": "splade_loss",
        "inner_loss": "sparse_multiple_negatives_ranking_loss",
        "query_regularizer_weight": 0.0005,
        "document_regularizer_weight": 0.003,
    },
}
INFERENCE_FREE: dict[str, dict[str, Any]] = {
    "model": {
        "base_model": "ltg/norbert3-base",
        "architecture": "inference-free-splade",
        "pooling_strategy": "max",
        "use_router": True,
        "freeze_static_embedding": False,
    },
    "training": {
        "output_dir": "models/inference-free",
        "hub_model_id": "thivy/inference-free",
        "max_steps": -1,
        "query_learning_rate": 0.001,
    },
    "loss": {**REGULAR["loss"], "query_regularizer_weight": 0},
    "router": {
        "mapping": {"anchor": "query", "positive": "document", "negative": "document"},
        "learning_rate_patterns": {r".*\.query\..*": 0.001},
    },
}
CSR: dict[str, dict[str, Any]] = {
    "model": {
        "base_model": "thivy/norbert4-base-scandinavian-embedding",
        "architecture": "csr",
        "csr_k": 256,
        "csr_k_aux": 512,
        "csr_hidden_dim": 4096,
        "use_router": False,
    },
    "training": {
        "output_dir": "models/csr",
        "hub_model_id": "thivy/csr",
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 32,
        "learning_rate": 0.0001,
        "max_seq_length": 512,
        "eval_steps": 500,
        "save_steps": 500,
    },
    "loss": {
        "type": "csr_loss",
        "inner_loss": "sparse_multiple_negatives_ranking_loss",
        "aux_loss_weight": 0.1,
    },
}
ON_GPU: dict[str, dict[str, Any]] = {
    "training": {
        "torch_compile": False,
        "max_seq_length": 512,
        "per_device_eval_batch_size": 32,
        "dataloader_num_workers": 8,
        "dataloader_pin_memory": True,
        "dataloader_prefetch_factor": 4,
    },
    "hardware": {"device": "cuda", "tf32": True},
}
ON_SEVERAL: dict[str, dict[str, Any]] = {
    "training": {"num_train_epochs": 2, "eval_steps": 2000, "logging_steps": 200},
    "evaluation": {"nanobeir_datasets": ["msmarco", "nfcorpus", "nq"]},
    "hardware": {"distributed": True, "world_size": 4},
}
LONG: dict[str, dict[str, Any]] = {
    "model": {"base_model": "ltg/norbert4-base"},
    "training": {
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 16,
        "max_seq_length": 4096,
        "batch_sampler": "batch_sampler",
        "metric_for_best_model": "NanoBEIR_mean_dot_ndcg@10",
        "early_stopping_patience": 3,
        "early_stopping_threshold": 0.001,
        "save_total_limit": 3,
        "dataloader_num_workers": 2,
        "dataloader_prefetch_factor": 2,
    },
    "loss": {"query_regularizer_weight": 0.00005, "document_regularizer_weight": 0.001},
    "evaluation": {"nanobeir_datasets": ["nfcorpus"], "mteb_tasks": None},
    "hardware": {"gradient_checkpointing": True},
}
OFF = {"enabled": False}
ETI: dict[str, dict[str, Any]] = {
    "model": {
        "base_model": "thivy/norbert4-base-splade-finetuned-scand",
        "load_pretrained_sparse_encoder": True,
        "patch_sigmoid_for_sparsity": True,
    },
    "training": {
        "num_train_epochs": 3,
        "learning_rate": 0.00001,
        "eval_steps": 500,
        "logging_steps": 50,
        "save_steps": 500,
        "early_stopping_patience": 5,
    },
    "mlflow": {"experiment_name": "sparse-encoder-eti"},
    "loss": {"query_regularizer_weight": 0.0001, "document_regularizer_weight": 0.003},
    "datasets": {
        "nli": OFF,
        "scandi_qa": OFF,
        "ddsc": OFF,
        "eti": {"enabled": True, "source": "thivy/eti-embedding-training-data", "split_ratio": SPLIT},
    },
}
LARGE: dict[str, dict[str, Any]] = {
    "model": {"base_model": "ltg/norbert4-base"},
    "training": {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "max_seq_length": 512,
        "eval_steps": 2000,
        "logging_steps": 200,
    },
    "evaluation": {"nanobeir_datasets": ["msmarco", "nfcorpus", "nq"]},
}
XLARGE: dict[str, dict[str, Any]] = {
    "model": {"base_model": "ltg/norbert4-xlarge"},
    "training": {"warmup_ratio": 0.15, "max_seq_length": 2048, "save_steps": 500, "save_total_limit": 3},
}
FILES: dict[str, list[dict[str, dict[str, Any]]]] = {
    "splade_regular": [REGULAR],
    "splade": [INFERENCE_FREE, {"training": {"logging_dir": "runs"}}],
    "csr": [CSR],
    "splade_large": [INFERENCE_FREE, LARGE],
    "splade_regular_h100": [REGULAR, ON_GPU, LONG],
    "splade_h100": [INFERENCE_FREE, ON_GPU, {"training": {"logging_dir": "runs", "save_steps": 2000}}],
    "splade_large_h100": [INFERENCE_FREE, ON_GPU, {"evaluation": ON_SEVERAL["evaluation"]}],
    "csr_h100": [CSR, ON_GPU, {"training": {"per_device_train_batch_size": 128, "torch_compile": True}}],
    "splade_eti_h100": [REGULAR, ON_GPU, LONG, ETI],
    "splade_large_multi_h100": [INFERENCE_FREE, ON_GPU, ON_SEVERAL, {"training": {"max_seq_length": 1024}}],
    "splade_xlarge_multi_h100": [INFERENCE_FREE, ON_GPU, ON_SEVERAL, XLARGE],
}
WORDS = ("hest", "båt", "fjell", "elv", "skog", "hav", "snø", "by", "bok", "stein")
ROWS = 40


def text_of(name: str) -> str:
    """A file as YAML, later parts over earlier ones."""
    merged: dict[str, Any] = {}
    for part in (COMMON, *FILES[name]):
        for section, values in part.items():
            merged[section] = {**merged.get(section, {}), **values}
    for section in merged.values():
        for key in [key for key, value in section.items() if key == "mteb_tasks" and value is None]:
            del section[key]
    return yaml.safe_dump(merged, sort_keys=False)


def local_copies(folder: Path) -> Path:
    """Copies of the data that the files name, a few rows of each, and of a NanoBEIR collection."""

    def rows(name: str, **columns: str) -> list[dict[str, Any]]:
        found = []
        for number in range(ROWS):
            word = WORDS[number % len(WORDS)]
            texts = (f"{name} {word} {number}", f"om {word} nummer {number}", f"ikke om {word} {number + 1}")
            found.append(dict(zip(columns.values(), texts, strict=False)))
        return found

    def write(path: str, found: list[dict[str, Any]], **others: Any) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps({**row, **others}, ensure_ascii=False) + "\n" for row in found)
        (folder / path).write_text("".join(lines), encoding="utf-8")

    triplets = {"query": "anchor", "positive": "positive", "negative": "negative"}
    write("nli/train.jsonl", rows("nli", **triplets))
    write("eti/train.jsonl", rows("eti", **triplets), task_type="retrieval")
    nordic = rows("ddsc", query="query", positive="positive", negative="negative")
    for number, row in enumerate(nordic):
        row["language"] = ("norwegian", "danish", "swedish", "english")[number % 4]
        if number % 5:
            row["negative"] = None
    write("ddsc/train.jsonl", nordic, task="retrieval", instruction="Find the passage")
    squad = {"query": "question", "positive": "context"}
    write("qa/norquad/train.jsonl", rows("norquad", **squad))
    write("qa/noropenbookqa/nb/train.jsonl", rows("book", query="question_stem", positive="fact"))
    for language in ("no", "da", "sv"):
        write(f"qa/scandi-qa/{language}/train.jsonl", rows(language, **squad))
    write("qa/supervised-da/train.jsonl", rows("da", query="query", positive="pos"))
    write(
        "qa/norwegian-paws-x/nb/train.jsonl", rows("paws", query="sentence1", positive="sentence2"), label=1
    )
    nano = folder / "NanoFjell"
    (nano / "qrels").mkdir(parents=True)
    write("NanoFjell/corpus.jsonl", [{"_id": word, "text": f"om {word}"} for word in WORDS])
    write("NanoFjell/queries.jsonl", [{"_id": f"q{word}", "text": f"hva er {word}"} for word in WORDS])
    judged = "".join(f"q{word}\t{word}\t1\n" for word in WORDS)
    (nano / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")
    return folder


def overrides(name: str, copies: Path, base: Path, output: Path) -> dict[str, Any]:
    """What has to be said beside a file on this machine."""
    flags: dict[str, Any] = {
        "model.base_model": str(base),
        "training.output_dir": str(output),
        "mlflow.tracking_uri": str(output.parent / "mlruns"),
        "datasets.nli.source": str(copies / "nli"),
        "datasets.scandi_qa.source": str(copies / "qa"),
        "datasets.ddsc.source": str(copies / "ddsc"),
        "evaluation.nanobeir_datasets": [str(copies / "NanoFjell")],
        "hardware.device": "cpu",
        "training.push_to_hub": False,
        "training.torch_compile": False,
    }
    if FILES[name][-1] is ETI:
        flags["datasets.eti.source"] = str(copies / "eti")
    if FILES[name][0] is CSR:
        flags |= {"model.csr_k": 8, "model.csr_k_aux": 16, "model.csr_hidden_dim": 64}
    return flags
