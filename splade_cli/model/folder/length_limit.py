"""The length limit of a model folder: one number of tokens in each file that some loader reads it from.

transformers and sentence-transformers take ``tokenizer_config.json``, what opens the tokenizer alone
(fastembed, transformers.js, text-embeddings-inference) the truncation in ``tokenizer.json``, and older
releases ``sentence_bert_config.json``. Where they differ, each encodes long texts in a way of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from splade_cli.storage.files import write_json

CONFIG = "tokenizer_config.json"
TOKENIZER = "tokenizer.json"
SENTENCE = "sentence_bert_config.json"


def write_length_limit(folder: Path, limit: int, *, sentence: bool = False) -> None:
    """Says in the files of one tokenizer's folder that `limit` tokens are read of a text.

    Args:
        sentence: make ``sentence_bert_config.json`` where it is missing.
    """
    config = _read(folder / CONFIG)
    if config is not None:
        config["model_max_length"] = limit
        if "max_length" in config:
            config["max_length"] = limit
        write_json(folder / CONFIG, config)
    tokenizer = _read(folder / TOKENIZER)
    if tokenizer is not None:
        side = (config or {}).get("truncation_side", "right")
        wanted = {"direction": side.title(), "max_length": limit, "strategy": "LongestFirst", "stride": 0}
        if tokenizer.get("truncation") != wanted:
            write_json(folder / TOKENIZER, {**tokenizer, "truncation": wanted})
    modules = _read(folder / SENTENCE)
    if modules is not None or sentence:
        write_json(folder / SENTENCE, {**(modules or {}), "max_seq_length": limit})


def settle_length_limits(folder: Path, most: int = 1 << 24) -> None:
    """Has each tokenizer of a saved model, and all files beside it, keep to what its configuration says.

    Args:
        most: a larger limit is none, as transformers writes 10^30 for it, and is left as it is.
    """
    for path in sorted(folder.rglob(CONFIG)):
        limit = (_read(path) or {}).get("model_max_length")
        if isinstance(limit, int) and 0 < limit <= most:
            write_length_limit(path.parent, limit)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value
