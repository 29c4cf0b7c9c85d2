"""The queries of a stock SPLADE folder without torch: an inference-free table, or a BERT in NumPy.

Only what is known to the last tensor is opened so. For all else there is None, and whoever asked loads the
model itself, which opens more and says what is wrong with a folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splade_cli.model.folder.opening import opening
from splade_cli.model.hub import read_json
from splade_cli.model.identity import identity_of
from splade_cli.model.layout import read_layout, resolve
from splade_cli.model.query_encoders.base import QueryEncoder
from splade_cli.model.query_encoders.bert import BertQueryEncoder, Pooling
from splade_cli.model.query_encoders.bert_body import HEAD, Array, BertShape, bert_name
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.tokenizer import read_tokenizer

if TYPE_CHECKING:
    from splade_cli.model.options import ModelOptions

ARCHITECTURES = {"bert": "BertForMaskedLM", "distilbert": "DistilBertForMaskedLM"}
BODIES = {"bert": "BertModel", "distilbert": "DistilBertModel"}
"""The same without a head."""
_KEYS = {
    "bert": ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    "distilbert": ("vocab_size", "dim", "hidden_dim", "n_layers", "n_heads"),
}
_STOCK = {
    "hidden_act": "gelu",
    "activation": "gelu",
    "position_embedding_type": "absolute",
    "tie_word_embeddings": True,
    "is_decoder": False,
    "add_cross_attention": False,
    "quantization_config": None,
    "auto_map": None,
    "splade_uncapped": None,
}
"""What a configuration must say where it says anything."""
_STRANGE = ("adapter_config.json", "model.safetensors.index.json", "pytorch_model.bin")
"""Files of a folder whose weights are not in one file alone."""


class StockFolder(NamedTuple):
    """A query encoder and what an index is held against: the folder's identity, and V."""

    encoder: QueryEncoder
    identity: str
    dimensions: int


def open_stock_folder(
    name: str, options: ModelOptions, tokenizer: Path, max_seq_length: int
) -> StockFolder | None:
    """The query encoder of a model folder, None where the model itself must be loaded.

    Args:
        name: ``tiny`` or a folder.
        options: how the model would be opened.
        tokenizer: its ``tokenizer.json`` as an index keeps it.
        max_seq_length: tokens read of a text, special ones included.
    """
    is_plain = options.device in ("auto", "cpu") and options.precision in ("auto", "fp32")
    if not is_plain or options.revision or max_seq_length < 1:
        return None
    try:
        return _opened(name, options, tokenizer, max_seq_length)
    except Exception:  # anything, for the files may hold anything: loading the model says what
        return None


def _opened(
    name: str, options: ModelOptions, tokenizer_path: Path, max_seq_length: int
) -> StockFolder | None:
    source = resolve(name)
    if not Path(source).is_dir():
        return None
    identity = identity_of(source)
    layout = read_layout(source, name)
    folder = Path(source) / layout.transformer
    config = read_json(str(folder), "config.json")
    shape = shape_of(config, ARCHITECTURES)
    if shape is None or is_strange(folder):
        return None
    with opening(name, source, options, subfolder=layout.transformer):
        tensors = tensors_of(folder / "model.safetensors", shape.tensors())
    if tensors is None:
        return None
    tokenizer = read_tokenizer(tokenizer_path, min(max_seq_length, shape.positions))
    vocabulary = tokenizer.get_vocab()
    if max(vocabulary.values()) >= shape.vocabulary:
        return None
    table = layout.query_table(tokenizer)
    prompt = layout.prompts.get("query", "")
    if table is None:
        pooling = Pooling(layout.pooling, layout.activation, layout.max_active)
        bert = BertQueryEncoder(name, shape, tensors, tokenizer, pooling, prompt)
        return StockFolder(bert, identity, shape.vocabulary)
    if len(table) != shape.vocabulary:
        return None
    static = StaticQueryEncoder(
        tokenizer_path,
        table,
        max_seq_length=layout.query_length or min(max_seq_length, shape.positions),
        prompt=prompt,
        max_active=layout.max_active,
    )
    return StockFolder(static, identity, shape.vocabulary)


def is_strange(folder: Path) -> bool:
    """Whether the weights of a folder are not in ``model.safetensors`` alone."""
    return any((folder / file).exists() for file in _STRANGE)


def shape_of(config: Mapping[str, Any], architectures: Mapping[str, str]) -> BertShape | None:
    """Sizes of a BERT or DistilBERT as transformers saves them, None for anything else.

    Args:
        architectures: what each model type must be: ARCHITECTURES or BODIES.
    """
    kind = str(config.get("model_type"))
    if kind not in architectures or config.get("architectures") != [architectures[kind]]:
        return None
    if any(config.get(key, stock) != stock for key, stock in _STOCK.items()):
        return None
    vocabulary, hidden, inner, layers, heads = (int(config[key]) for key in _KEYS[kind])
    types = 0
    epsilon = 1e-12
    if kind == "bert":
        types = int(config["type_vocab_size"])
        epsilon = float(config["layer_norm_eps"])
    elif config.get("sinusoidal_pos_embds"):
        return None
    if hidden % heads:
        return None
    positions = int(config["max_position_embeddings"])
    return BertShape(vocabulary, hidden, inner, layers, heads, positions, types, epsilon)


def tensors_of(path: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Array] | None:
    """The tensors of a model by BERT's names, float32; None where one is missing or of another shape."""
    from safetensors import safe_open

    tensors: dict[str, Array] = {}
    decoder: dict[str, Array] = {}
    with safe_open(path, "np") as file:
        for name in file.keys():  # noqa: SIM118
            ours = bert_name(name)
            if ours in wanted:
                tensors[ours] = file.get_tensor(name).astype(np.float32, copy=False)
            elif ours.startswith(f"{HEAD}.decoder."):
                decoder[ours] = file.get_tensor(name)
    if {name: tensor.shape for name, tensor in tensors.items()} != wanted:
        return None
    tied = {"weight": "bert.embeddings.word_embeddings.weight", "bias": f"{HEAD}.bias"}
    for name, tensor in decoder.items():
        if not np.array_equal(tensor, tensors[tied[name.rpartition(".")[2]]]):
            return None
    return tensors
