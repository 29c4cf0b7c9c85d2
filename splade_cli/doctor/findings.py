"""One finding of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "broken"]
"""``missing`` is what may be added, ``broken`` what has to be mended."""


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        topic: what was looked at, such as ``torch`` or ``extra onnx``.
        state: see `State`.
        said: what was found, in words.
        hint: what to type, where something is to be done.
    """

    topic: str
    state: State
    said: str
    hint: str = ""
