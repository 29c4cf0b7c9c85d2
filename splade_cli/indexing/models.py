"""The models that an index names: opened where they lie now, and held against those that it was made with."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from splade_cli.errors import IndexFolderError
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.dense import dense_identity
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelKeywords, ModelOptions

CPU_PRECISIONS = ("fp32", "int8", "bf16", "bf16+int8")

if TYPE_CHECKING:
    from splade_cli.indexing.dense import DenseEncoder


def model_of(index: SpladeIndex, model: str | None = None) -> str:
    """The name of an index's model, or `model`, where it has moved. Raises IndexFolderError for none."""
    name = model or index.info.encoder.name
    if not name:
        raise IndexFolderError(
            f"the index {index.folder} does not say which model made it", "name the model that made it"
        )
    return name


def embedder_of(
    index: SpladeIndex,
    model: str | None = None,
    options: ModelOptions | None = None,
    **keywords: Unpack[ModelKeywords],
) -> SpladeEmbedder:
    """The model that made an index, set as it was then.

    Args:
        model: where it lies now, if not where it was.
        options, keywords: how to open it; what texts are encoded in is the index's where precision is
            ``auto``.

    Raises:
        IndexFolderError: the index does not say which.
    """
    name = model_of(index, model)
    options = replace(options or ModelOptions(), **keywords)
    made_by = index.info.encoder
    if options.precision == "auto" and made_by.precision in CPU_PRECISIONS:
        from splade_cli.model.device import choose_device

        if choose_device(options.device).name == "cpu":
            options = replace(options, precision=made_by.precision)
    return SpladeEmbedder(name, replace(options, max_seq_length=made_by.max_seq_length))


def check_model(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    """Raises IndexFolderError where `embedder` is not the model that made the index."""
    model = embedder.loaded.model
    check_identity(index, model.name, model.identity, model.dimensions)


def check_identity(index: SpladeIndex, name: str, identity: str, dimensions: int) -> None:
    """The same of a model of which only this is known."""
    made_by = index.info.encoder
    again = f"make it again: splade index DOCS -o {index.folder} --model {name} --force"
    if made_by.identity and made_by.identity != identity:
        raise IndexFolderError(
            f"the index {index.folder} was made by another model than {name} ({made_by.name}, "
            f"{made_by.identity[:12]}; now {identity[:12]})",
            again,
        )
    if dimensions != index.dimensions:
        raise IndexFolderError(
            f"{name} has {dimensions} dimensions, the index {index.folder} has {index.dimensions}",
            again,
        )


def dense_of(
    index: SpladeIndex,
    options: ModelOptions | None = None,
    few_queries: bool = False,
    **keywords: Unpack[ModelKeywords],
) -> DenseEncoder:
    """The dense model that an index names.

    Args:
        few_queries: encode in NumPy where the model is one that this can be done for, which opens in a tenth
            of the time.
        options, keywords: how to open it.

    Raises:
        IndexFolderError: the index names none, or what lies there now is another one.
    """
    from splade_cli.model.layout import resolve_dense
    from splade_cli.model.query_encoders.dense_bert import open_dense_bert

    dense = index.info.dense
    folder = shlex.quote(str(index.folder or "index"))
    if dense is None or not dense.model:
        raise IndexFolderError(
            f"the index {index.folder} names no dense model",
            f"splade index DOCS -o {folder} --dense all-MiniLM-L6-v2 --force",
        )
    if dense_identity(dense.model) != dense.identity:
        raise IndexFolderError(
            f"the dense model {dense.model} is another one than the index was made with",
            f"make the index again: splade index DOCS -o {folder} --dense {dense.model} --force",
        )
    options = replace(options or ModelOptions(), **keywords)
    if few_queries:
        stock = open_dense_bert(dense.model, resolve_dense(dense.model), options)
        if stock is not None:
            return stock
    from splade_cli.model.dense import DenseModel

    return DenseModel(dense.model, options)
