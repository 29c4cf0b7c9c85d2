"""Tokenizer of the model that reads chunks: where tokens start in a text, and how many of them it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from splade_cli.model.hub import read_json
from splade_cli.model.layout import PADDED_POSITIONS
from splade_cli.model.query_encoders.tokenizer import (
    TOKENIZER,
    fast_tokenizer,
    has_fast_tokenizer,
    read_tokenizer,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from splade_cli.model.loaded import LoadedModel

PIECE = 8192
"""Characters that are tokenised at once: a long text as a whole takes a hundred bytes a token."""
_BLANK = re.compile(r"\s")


class TextTokens:
    """See `corpus.segmentation.text_model.Tokens`.

    Args:
        tokenizer: that of the model, which neither pads nor cuts.
        window: tokens of a text that the model reads, without those that it adds itself.
    """

    def __init__(self, tokenizer: Tokenizer, window: int) -> None:
        self._tokenizer = tokenizer
        self.window = max(1, window)

    @classmethod
    def of_model(cls, loaded: LoadedModel) -> TextTokens | None:
        """Those of a loaded model; None where its tokenizer does not say where tokens start."""
        if not has_fast_tokenizer(loaded.tokenizer):
            return None
        prompt = loaded.model.prompts.get("document") or ""
        tokenizer = fast_tokenizer(loaded.tokenizer)
        return cls(tokenizer, loaded.model.max_seq_length - len(tokenizer.encode(prompt).ids))

    @classmethod
    def of_file(cls, path: Path, window: int) -> TextTokens:
        """Those of a ``tokenizer.json``. Raises IndexFolderError for a file that is none."""
        return cls(read_tokenizer(path), window)

    @classmethod
    def of_folder(cls, folder: Path, limit: int | None) -> TextTokens | None:
        """Those of a plain masked language model; None where the folder does not say all that is needed.

        Args:
            limit: tokens to read of a text, where they are not to be as many as the model can.

        Raises:
            ModelError: a damaged file.
        """
        if not (folder / TOKENIZER).is_file() or (folder / "modules.json").exists():
            return None
        config = read_json(str(folder), "config.json")
        settings = read_json(str(folder), "tokenizer_config.json")
        try:
            positions = int(config["max_position_embeddings"])
            limit = min(limit or int(settings["model_max_length"]), positions)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        if config.get("model_type") in PADDED_POSITIONS:
            return None
        tokenizer = read_tokenizer(folder / TOKENIZER)
        return cls(tokenizer, limit - len(tokenizer.encode("").ids))

    def starts(self, text: str) -> NDArray[np.int64]:
        """Positions of characters at which the tokens of `text` start, ascending; int64 [tokens]."""
        bounds = list(_pieces(text))
        pieces = [text[start:end] for start, end in pairwise(bounds)]
        encoded = self._tokenizer.encode_batch(pieces, add_special_tokens=False)
        found = [np.empty(0, dtype=np.int64)]
        for start, each in zip(bounds, encoded, strict=False):
            offsets = np.array(each.offsets, dtype=np.int64).reshape(-1, 2)
            found.append(offsets[:, 0] + start)
        return np.sort(np.concatenate(found))

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _pieces(text: str) -> Iterator[int]:
    """Where pieces of a text start and end: between words, where a word is no longer than a piece."""
    position = 0
    yield position
    while len(text) - position > PIECE:
        blank = _BLANK.search(text, position + PIECE // 2, position + PIECE)
        position = blank.start() if blank else position + PIECE
        yield position
    yield len(text)
