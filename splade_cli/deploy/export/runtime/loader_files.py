"""What loaders of other runtimes want beside a graph: tokenizer, configuration, weights of query tokens."""

from __future__ import annotations

import copy
from pathlib import Path

from splade_cli.model.folder.length_limit import write_length_limit
from splade_cli.model.loaded import LoadedModel
from splade_cli.records import JsonValue
from splade_cli.storage.files import write_json


def write_loader_files(loaded: LoadedModel, folder: Path) -> list[str]:
    """Tokenizer, configuration and weights of query tokens; returns what other runtimes do not do."""
    model = loaded.splade
    config = copy.deepcopy(model.masked_lm.config)
    config.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    write_json(folder / "special_tokens_map.json", loaded.tokenizer.special_tokens_map)
    write_json(folder / "sentence_bert_config.json", {"transformer_task": "fill-mask"})
    write_length_limit(folder, model.max_seq_length)
    pooling = folder / "1_SpladePooling"
    pooling.mkdir()
    # of two logarithms one is in the graph, see LogitsGraph
    settings = {
        "pooling_strategy": model.pooling,
        "activation_function": "relu",
        "embedding_dimension": model.dimensions,
    }
    write_json(pooling / "config.json", settings)
    modules = []
    for number, (path, kind) in enumerate(
        (
            ("", "sentence_transformers.base.modules.transformer.Transformer"),
            (
                pooling.name,
                "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
            ),
        )
    ):
        modules.append({"idx": number, "name": str(number), "path": path, "type": kind})
    write_json(folder / "modules.json", modules)
    outer: dict[str, JsonValue] = {
        "model_type": "SparseEncoder",
        "prompts": dict(model.prompts),
        "similarity_fn_name": "dot",
    }
    if model.max_active is not None:
        outer["max_active_dims"] = model.max_active
    write_json(folder / "config_sentence_transformers.json", outer)
    notes = []
    if model.pooling != "max":
        notes.append(
            "it pools by a sum: fastembed and text-embeddings-inference pool the logits by the maximum"
        )
    if any(model.prompts.values()):
        notes.append("it has prompts, which other runtimes put before no text by themselves")
    if model.max_active is not None:
        notes.append(f"it keeps the {model.max_active} largest weights of a text, other runtimes keep all")
    if model.query_table is not None:
        names = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
        weights = {names[int(one)]: float(model.query_table[one]) for one in model.query_table.nonzero()[0]}
        write_json(folder / "idf.json", weights)
        notes.append(
            "the graphs are for documents: a query is its distinct tokens with the weights of idf.json"
        )
    return notes
