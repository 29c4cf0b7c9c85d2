"""The public door: everything a Python user needs, by name, imported when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_cli.building.build import Built, build
    from splade_cli.building.options import BuildOptions
    from splade_cli.deploy.export.variant import ExportOptions, export_variant
    from splade_cli.engines.base import Engine
    from splade_cli.errors import (
        IndexFolderError,
        InputError,
        LimitError,
        MachineError,
        ModelError,
        ServiceError,
        SpladeError,
    )
    from splade_cli.evaluation.evaluate import evaluate
    from splade_cli.evaluation.measurement import MeasurementOptions, measure
    from splade_cli.evaluation.options import EvaluationOptions
    from splade_cli.evaluation.report import Report
    from splade_cli.evaluation.tuning.tune import tune
    from splade_cli.generation.inspection.inspect import inspect_data
    from splade_cli.generation.llm.budget import Limits
    from splade_cli.generation.llm.options import Llm
    from splade_cli.generation.options import GenerateOptions, Judged, Offline, Rows
    from splade_cli.generation.pipeline import generate
    from splade_cli.index.index import SpladeIndex
    from splade_cli.index.metadata.filter_parser import parse_filter
    from splade_cli.index.metadata.filters import And, Filter, Not, Or, Test, Value
    from splade_cli.indexing.add import add_documents
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.load import load_splade_model
    from splade_cli.model.options import ModelOptions
    from splade_cli.records import Document, Example, Hit
    from splade_cli.search.in_memory import retrieve_documents
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.retriever import Retriever
    from splade_cli.search.searcher import Searcher
    from splade_cli.training.publishing.publish import push_to_hub
    from splade_cli.training.trainer import SpladeTrainer

__version__ = "0.1.0"

_HOMES = {
    "And": "index.metadata.filters",
    "BuildOptions": "building.options",
    "Built": "building.build",
    "Document": "records",
    "Engine": "engines.base",
    "EvaluationOptions": "evaluation.options",
    "Example": "records",
    "ExportOptions": "deploy.export.variant",
    "Filter": "index.metadata.filters",
    "GenerateOptions": "generation.options",
    "Hit": "records",
    "IndexFolderError": "errors",
    "IndexOptions": "indexing.options",
    "InputError": "errors",
    "Judged": "generation.options",
    "LimitError": "errors",
    "Limits": "generation.llm.budget",
    "Llm": "generation.llm.options",
    "MachineError": "errors",
    "MeasurementOptions": "evaluation.measurement",
    "ModelError": "errors",
    "ModelOptions": "model.options",
    "Not": "index.metadata.filters",
    "Offline": "generation.options",
    "Or": "index.metadata.filters",
    "Report": "evaluation.report",
    "Retriever": "search.retriever",
    "Rows": "generation.options",
    "SearchOptions": "search.options",
    "Searcher": "search.searcher",
    "ServiceError": "errors",
    "SpladeEmbedder": "model.embedder",
    "SpladeError": "errors",
    "SpladeIndex": "index.index",
    "SpladeTrainer": "training.trainer",
    "Test": "index.metadata.filters",
    "Value": "index.metadata.filters",
    "add_documents": "indexing.add",
    "build": "building.build",
    "evaluate": "evaluation.evaluate",
    "export_variant": "deploy.export.variant",
    "generate": "generation.pipeline",
    "index_documents": "indexing.build",
    "inspect_data": "generation.inspection.inspect",
    "load_splade_model": "model.load",
    "measure": "evaluation.measurement",
    "parse_filter": "index.metadata.filter_parser",
    "push_to_hub": "training.publishing.publish",
    "retrieve_documents": "search.in_memory",
    "tune": "evaluation.tuning.tune",
}

__all__ = [
    "And",
    "BuildOptions",
    "Built",
    "Document",
    "Engine",
    "EvaluationOptions",
    "Example",
    "ExportOptions",
    "Filter",
    "GenerateOptions",
    "Hit",
    "IndexFolderError",
    "IndexOptions",
    "InputError",
    "Judged",
    "LimitError",
    "Limits",
    "Llm",
    "MachineError",
    "MeasurementOptions",
    "ModelError",
    "ModelOptions",
    "Not",
    "Offline",
    "Or",
    "Report",
    "Retriever",
    "Rows",
    "SearchOptions",
    "Searcher",
    "ServiceError",
    "SpladeEmbedder",
    "SpladeError",
    "SpladeIndex",
    "SpladeTrainer",
    "Test",
    "Value",
    "__version__",
    "add_documents",
    "build",
    "evaluate",
    "export_variant",
    "generate",
    "index_documents",
    "inspect_data",
    "load_splade_model",
    "measure",
    "parse_filter",
    "push_to_hub",
    "retrieve_documents",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'splade_cli' has no attribute '{name}'")
    return getattr(import_module(f"splade_cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
