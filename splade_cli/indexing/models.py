"""The models that an index names: opened where they lie now, and held against those that it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splade_cli.errors import IndexFolderError
from splade_cli.index.index import SpladeIndex
from splade_cli.model.embedder import SpladeEmbedder

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel


def model_of(index: SpladeIndex, model: str | None = None) -> str:
    """The name of the model that made an index; `model` where it has moved. Raises IndexFolderError for no name."""
    name = model or index.info.encoder.name
    if not name:
        raise IndexFolderError(
            f"the index {index.folder} does not say which model made it", "name it: --model MODEL"
        )
    return str(name)


def embedder_of(index: SpladeIndex, model: str | None = None, **options: Any) -> SpladeEmbedder:
    """The model that made an index, set as it was then.

    Args:
        model: where it lies now, if not where it was.
        options: of `SpladeEmbedder`.

    Raises:
        IndexFolderError: the index does not say which.
    """
    made_by = index.info.encoder
    name = model_of(index, model)
    if options.get("precision", "auto") == "auto" and made_by.precision in ("fp32", "int8"):
        from splade_cli.model.device import choose_device

        if choose_device(options.get("device", "auto")).name == "cpu":
            options["precision"] = made_by.precision
    return SpladeEmbedder(name, max_seq_length=made_by.max_seq_length, **options)


def check_model(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    """Raises IndexFolderError where `embedder` is not the model that made the index."""
    made_by = index.info.encoder
    loaded = embedder.loaded.model
    if made_by.identity and made_by.identity != loaded.identity:
        raise IndexFolderError(
            f"the index {index.folder} was made by another model than {loaded.name} ({made_by.name}, "
            f"{made_by.identity[:12]}; now {loaded.identity[:12]})",
            f"make it again: splade index DOCS -o {index.folder} --model {loaded.name} --force",
        )
    if loaded.dimensions != index.dimensions:
        raise IndexFolderError(
            f"{loaded.name} has {loaded.dimensions} dimensions, the index {index.folder} has {index.dimensions}",
            f"make it again: splade index DOCS -o {index.folder} --model {loaded.name} --force",
        )


def dense_of(index: SpladeIndex, **options: Any) -> DenseModel:
    """The dense model that an index names.

    Args:
        options: ``device`` and ``trust_remote_code`` of `DenseModel`.

    Raises:
        IndexFolderError: the index names none, or what lies there now is another one.
    """
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

    dense = index.info.dense
    if dense is None or not dense.model or dense_identity(dense.model) != dense.identity:
        raise IndexFolderError(
            f"the dense model {dense and dense.model} is another one than the index was made with",
            "make the index again: splade index DOCS -o DIR --dense MODEL --force",
        )
    return DenseModel(dense.model, ModelOptions(**options))


def dense_identity(name: str) -> str:
    """A hash of a dense model's files, or its hub id. Raises ModelError for a path that is not there."""
    from splade_cli.model.dense import resolve_dense
    from splade_cli.model.layout import identity_of

    return identity_of(resolve_dense(name))
