"""How a model is opened: device, precision, limits and trust, in one record that travels as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from splade_cli.model.device import require_known


@dataclass(frozen=True)
class ModelOptions:
    """How to open a model, sparse, dense or cross-encoder.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``fp32``, ``bf16``, ``fp16`` or ``int8``, see `model.device.choose_device`.
        batch_size: texts in a forward pass at most.
        max_seq_length: tokens read of a text; the model's own limit where None.
        trust_remote_code: run Python code that the model's repository brings.
        allow_pickle: read weights that are not safetensors, which may run code when they are opened.
        revision: branch, tag or commit of a hub id.
    """

    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 64
    max_seq_length: int | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False
    revision: str | None = None

    def __post_init__(self) -> None:
        """Raises InputError for the name of no device or precision."""
        require_known(self.device, self.precision)

    @property
    def use_safetensors(self) -> bool | None:
        """What transformers takes under this name: None lets it choose."""
        return None if self.allow_pickle else True


class ModelKeywords(TypedDict, total=False):
    """The fields of `ModelOptions` as keywords, for calls that name one or two of them."""

    device: str
    precision: str
    batch_size: int
    max_seq_length: int | None
    trust_remote_code: bool
    allow_pickle: bool
    revision: str | None
