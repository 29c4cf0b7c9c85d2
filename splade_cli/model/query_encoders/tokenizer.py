"""The tokenizer of a model as one file, read by the ``tokenizers`` library alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.errors import IndexFolderError, ModelError, rebuild_hint

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

TOKENIZER = "tokenizer.json"


def read_tokenizer(path: Path, max_seq_length: int | None = None) -> Tokenizer:
    """A tokenizer that pads nothing and cuts at `max_seq_length`, on the side that the file names.

    Raises:
        IndexFolderError: a file that is no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise IndexFolderError(f"{path} is no tokenizer ({error})", rebuild_hint(path)) from None
    side = (tokenizer.truncation or {}).get("direction", "right")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if max_seq_length is not None:
        tokenizer.enable_truncation(max_seq_length, direction=side)
    return tokenizer


def write_tokenizer(tokenizer: PreTrainedTokenizerBase, path: Path, max_seq_length: int) -> None:
    """Writes a transformers tokenizer for `read_tokenizer`. Raises ModelError as `fast_tokenizer`."""
    backend = fast_tokenizer(tokenizer)
    backend.enable_truncation(max_seq_length, direction=tokenizer.truncation_side)
    backend.save(str(path))


def fast_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy of what a transformers tokenizer tokenises with, which neither pads nor cuts.

    Raises:
        ModelError: it has none, since it needs Python code of transformers.
    """
    if not has_fast_tokenizer(tokenizer):
        raise ModelError(
            "the model's tokenizer needs Python code of transformers",
            "let the model itself encode queries, which is full",
            option="query",
        )
    backend: Tokenizer = copy.deepcopy(tokenizer.backend_tokenizer)
    backend.no_padding()
    backend.no_truncation()
    return backend


def has_fast_tokenizer(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a transformers tokenizer can be kept as one file."""
    return getattr(tokenizer, "backend_tokenizer", None) is not None
