"""Names of features: what the dimensions of a sparse vector are called in an engine that wants words.

Token ids as text ("1016") are safe everywhere, and the default. The tokens themselves are for people who read
an index, and for engines whose own analyser makes the same tokens of a query; those of a vocabulary hold
dots, quotes and brackets, which not every engine takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, OptionError

IDS = "ids"
TOKENS = "tokens"
KINDS = (IDS, TOKENS)
INSTEAD = "leave names as ids"


class FeatureNames:
    """The name of each dimension.

    Args:
        kind: ``ids`` or ``tokens``.
        vocabulary: the tokens [V]; may be empty where `kind` is ``ids``.

    Raises:
        InputError: another kind, or tokens of an index that has none.
    """

    def __init__(self, kind: str = IDS, vocabulary: Sequence[str] = ()) -> None:
        if kind not in KINDS:
            raise OptionError(f"unknown names '{kind}'", f"one of {', '.join(KINDS)}", option="names")
        if kind == TOKENS and not vocabulary:
            raise InputError("the index has no vocabulary, so its dimensions have no tokens", INSTEAD)
        self.kind = kind
        self._vocabulary = vocabulary

    def of(self, columns: NDArray[np.int32]) -> list[str]:
        """Names of dimensions, in their order."""
        numbers = columns.tolist()
        if self.kind == IDS:
            return list(map(str, numbers))
        return [self._vocabulary[number] for number in numbers]

    def require(self, engine: str, *, dots: bool) -> None:
        """Raises InputError where tokens would not do as names.

        Args:
            engine: its name, for messages.
            dots: whether it takes names with dots in them.
        """
        if self.kind == IDS:
            return
        if "" in self._vocabulary:
            raise InputError("a token of the vocabulary is empty", INSTEAD, option="names")
        twice = [name for name, count in Counter(self._vocabulary).items() if count > 1]
        if twice:
            raise InputError(f"the vocabulary has the token '{twice[0]}' twice", INSTEAD, option="names")
        dotted = [name for name in self._vocabulary if "." in name]
        if dotted and not dots:
            raise InputError(
                f"{engine} takes no names with dots, and {len(dotted)} tokens have one, such as "
                f"'{dotted[0]}'",
                INSTEAD,
                option="names",
            )


NUMBERED = FeatureNames()
