"""A model in memory with its tokenizer and the device that it computes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from splade_cli.errors import ModelError
from splade_cli.model.device import Device
from splade_cli.model.sparse_model import SparseModel
from splade_cli.model.splade.encoder import SpladeModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as PreTrainedTokenizerBase


class LoadedModel(NamedTuple):
    """What `load_splade_model` returns; unpacks as ``tokenizer, model, device``."""

    tokenizer: PreTrainedTokenizerBase
    model: SparseModel
    device: Device

    @property
    def splade(self) -> SpladeModel:
        """The model as one that ends in a vocabulary. Raises ModelError where it does not."""
        if not isinstance(self.model, SpladeModel):
            raise ModelError(
                f"{self.model.name} is a {self.model.architecture} model, which has no vocabulary",
                "name a SPLADE model",
            )
        return self.model

    def with_precision(self, precision: str, reason: str) -> LoadedModel:
        """The same model, encoding documents in another precision from now on."""
        device = self.device._replace(precision=precision, reason=reason)
        self.model.use_int8(device.has_int8)
        return self._replace(device=device)
