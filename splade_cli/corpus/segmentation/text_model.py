"""What segmentation needs to know of the model that is to read the slices: its tokens, and its vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Encode = Callable[[Sequence[str]], sp.csr_matrix]
"""Sparse vectors of texts, one a row."""


class Tokens(Protocol):
    """A tokenizer.

    Attributes:
        window: tokens of a text that the model reads, without those that it adds itself.
    """

    window: int

    def starts(self, text: str) -> NDArray[np.int64]:
        """Positions of characters at which the tokens of `text` start, ascending."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""


@dataclass(frozen=True)
class TextModel:
    """The model that is to read the slices.

    Attributes:
        tokens: None where its tokenizer does not say where tokens start.
        encode: makes vectors of sentences.
    """

    tokens: Tokens | None = None
    encode: Encode | None = None


NO_MODEL = TextModel()
