"""A dense bi-encoder's queries in NumPy: BERT's hidden states, averaged over a text's tokens, without torch.

Reimers & Gurevych 2019, arXiv 1908.10084, section 3: the mean of all output vectors, or that of the first
token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.model.folder.opening import opening
from splade_cli.model.hub import read_json
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.bert_body import BertBody
from splade_cli.model.query_encoders.stock_folder import BODIES, is_strange, shape_of, tensors_of
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODULES = ("Transformer", "Pooling", "Normalize")
POOLED = {"mean": ("mean", "pooling_mode_mean_tokens"), "cls": ("cls", "pooling_mode_cls_token")}
"""How a configuration names each pooling: today, and until sentence-transformers 5."""


class DenseBertEncoder:
    """Encodes texts by a BERT body of sentence-transformers. Safe from many threads.

    Args:
        name: of the model.
        body: without a head.
        tokenizer: cuts at the tokens that the model reads.
        pooling: ``mean`` or ``cls``.
        is_unit: vectors have length 1.
    """

    def __init__(self, name: str, body: BertBody, tokenizer: Tokenizer, pooling: str, is_unit: bool) -> None:
        self.name = name
        self._body = body
        self._tokenizer = tokenizer
        self._pooling = pooling
        self._is_unit = is_unit

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d]; documents and queries are encoded alike."""
        vectors = np.empty((len(texts), self._body.shape.hidden), dtype=np.float32)
        for number, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            hidden = self._body.hidden(encoding)
            vectors[number] = hidden[0] if self._pooling == "cls" else hidden.mean(axis=0)
        if self._is_unit:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
        return vectors

    def settle_precision(self, texts: Sequence[str]) -> None:
        """Nothing: it computes in float32."""


def open_dense_bert(name: str, source: str, options: ModelOptions) -> DenseBertEncoder | None:
    """The encoder of a folder, None where the model itself must be loaded, which opens more.

    Args:
        name: as it is called; `source` is its folder, or a hub id.
        options: how the model would be opened.
    """
    if options.device not in ("auto", "cpu") or options.revision or not Path(source).is_dir():
        return None
    try:
        return _opened(name, Path(source), options)
    except Exception:  # anything, for the files may hold anything: loading the model says what
        return None


def _opened(name: str, folder: Path, options: ModelOptions) -> DenseBertEncoder | None:
    kinds = [str(each["type"]).rpartition(".")[2] for each in read_json(str(folder), "modules.json")]
    if kinds not in (list(MODULES), list(MODULES[:2])):
        return None
    paths = [str(each.get("path", "")) for each in read_json(str(folder), "modules.json")]
    body_folder = folder / paths[0]
    config = read_json(str(body_folder), "config.json")
    shape = shape_of(config, BODIES)
    pooling = _pooling_of(read_json(str(folder / paths[1]), "config.json"))
    if shape is None or pooling is None or is_strange(body_folder) or _has_prompts(folder):
        return None
    reading = read_json(str(body_folder), "sentence_bert_config.json")
    # sentence-transformers keeps its limit in the first of these files, and since version 6 in the other one
    limits = [options.max_seq_length, reading.get("max_seq_length")]
    limits.append(read_json(str(body_folder), "tokenizer_config.json").get("model_max_length"))
    limit = min(int(next(each for each in limits if each)), shape.positions)
    if reading.get("do_lower_case"):
        return None
    with opening(name, str(folder), options, kind="dense model"):
        tensors = tensors_of(body_folder / "model.safetensors", shape.tensors(head=False))
    if tensors is None:
        return None
    tokenizer = read_tokenizer(body_folder / TOKENIZER, limit)
    if max(tokenizer.get_vocab().values()) >= shape.vocabulary:
        return None
    return DenseBertEncoder(name, BertBody(shape, tensors), tokenizer, pooling, kinds == list(MODULES))


def _pooling_of(config: Mapping[str, Any]) -> str | None:
    """The one pooling that a configuration asks for, None for another one, or several."""
    asked = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    if isinstance(config.get("pooling_mode"), str):
        asked.append(config["pooling_mode"])
    for pooling, names in POOLED.items():
        if len(asked) == 1 and asked[0] in names:
            return pooling
    return None


def _has_prompts(folder: Path) -> bool:
    """Whether something is put before a text."""
    if not (folder / "config_sentence_transformers.json").is_file():
        return False
    config = read_json(str(folder), "config_sentence_transformers.json")
    return any((config.get("prompts") or {}).values()) or bool(config.get("default_prompt_name"))
