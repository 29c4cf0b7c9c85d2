"""The public door: everything a Python user needs, by name, imported when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_cli.deploy.export.variants import export_variant
    from splade_cli.errors import IndexFolderError, InputError, ModelError, ServiceError, SpladeError
    from splade_cli.evaluation.report import evaluate
    from splade_cli.generation.pipeline import generate_training_data
    from splade_cli.index.index import SpladeIndex
    from splade_cli.indexing.build import index_documents
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.load import load_splade_model
    from splade_cli.records import Document, Example, Hit
    from splade_cli.search.searcher import Searcher, retrieve_documents
    from splade_cli.training.trainer import SpladeTrainer

__version__ = "0.1.0"

_HOMES = {
    "Document": "records",
    "Example": "records",
    "Hit": "records",
    "IndexFolderError": "errors",
    "InputError": "errors",
    "ModelError": "errors",
    "Searcher": "search.searcher",
    "ServiceError": "errors",
    "SpladeEmbedder": "model.embedder",
    "SpladeError": "errors",
    "SpladeIndex": "index.index",
    "SpladeTrainer": "training.trainer",
    "evaluate": "evaluation.report",
    "export_variant": "deploy.export.variants",
    "generate_training_data": "generation.pipeline",
    "index_documents": "indexing.build",
    "load_splade_model": "model.load",
    "retrieve_documents": "search.searcher",
}

__all__ = [
    "Document",
    "Example",
    "Hit",
    "IndexFolderError",
    "InputError",
    "ModelError",
    "Searcher",
    "ServiceError",
    "SpladeEmbedder",
    "SpladeError",
    "SpladeIndex",
    "SpladeTrainer",
    "__version__",
    "evaluate",
    "export_variant",
    "generate_training_data",
    "index_documents",
    "load_splade_model",
    "retrieve_documents",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'splade_cli' has no attribute '{name}'")
    return getattr(import_module(f"splade_cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
