"""Truncation: how much of texts lies beyond the tokens that a model reads, and so is in no vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splade_cli.model.loaded import LoadedModel


@dataclass(frozen=True)
class Truncation:
    """What a model does not read of some texts.

    Attributes:
        texts: how many were looked at.
        cut: how many of them are longer than `limit` tokens.
        limit: tokens that the model reads of a text, special ones included.
        share: of the tokens of all these texts those that are not read, 0 to 1.
    """

    texts: int
    cut: int
    limit: int
    share: float


def truncation_of(loaded: LoadedModel, texts: Sequence[str]) -> Truncation:
    """What `loaded` does not read of `texts` as documents."""
    limit = loaded.model.max_seq_length
    prompt = loaded.model.prompts.get("document") or ""
    # A text that is too long is what is looked for here, and no reason to warn.
    encoded = loaded.tokenizer([prompt + text for text in texts], padding=False, verbose=False)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    unread = sum(max(0, length - limit) for length in lengths)
    cut = sum(length > limit for length in lengths)
    return Truncation(len(texts), cut, limit, unread / max(1, sum(lengths)))
