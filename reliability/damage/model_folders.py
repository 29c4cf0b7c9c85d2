"""Small model folders of each architecture, saved and sealed as a run does, to be damaged or forged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splade_cli.model.identity import seal

ARCHITECTURES = ("splade", "inference-free-splade", "csr", "laspar")
TEXTS = ["how to descale a kettle", "Boil water with two spoons of citric acid, and rinse."]


def model_folder(folder: Path, architecture: str) -> Path:
    """A small model of an architecture, saved and sealed as a run does."""
    from splade_cli.config.schema import ModelSection
    from splade_cli.model.layout import resolve
    from splade_cli.model.options import ModelOptions
    from splade_cli.training.trainable import open_trainable

    sizes: dict[str, Any] = {}
    base = resolve("tiny")
    if architecture == "csr":
        base = dense_folder(folder.with_name("dense"))
        sizes = {"csr_k": 16, "csr_k_aux": 8, "csr_hidden_dim": 96}
    if architecture == "laspar":
        sizes = {"latent_dimensions": 2048}
    section = ModelSection(base_model=base, architecture=architecture, **sizes)
    made = open_trainable(section, ModelOptions(device="cpu", precision="fp32"), documents=TEXTS)
    folder.mkdir()
    made.encoder.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    seal(folder)
    return folder


def dense_folder(folder: Path) -> str:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    from splade_cli.model.layout import resolve

    transformer = Transformer(resolve("tiny"))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return str(folder)
