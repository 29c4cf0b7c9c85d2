"""A sentence-transformers SparseEncoder with the fused head in its module list, saved as the stock one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn

from splade_cli.model.splade.head import FusedHead, SpladeHead


class FusedSparseEncoder(SparseEncoder):
    """A SparseEncoder of [Transformer, FusedHead], or of a Router with these for its documents.

    What it saves is [Transformer, SpladePooling], which a plain SparseEncoder opens with the same vectors.
    """

    def _get_name(self) -> str:
        return "SparseEncoder"  # what a model card prints

    def insert_head(self, head: SpladeHead) -> None:
        """Puts a fused head where SpladePooling is, or the head before; one of logits changes nothing."""
        if not isinstance(head, FusedHead):
            return
        for container, name, module in list(_children(self)):
            if isinstance(module, SpladePooling | FusedHead):
                container.register_module(name, head)

    def save(self, *args: Any, **options: Any) -> None:
        """As SparseEncoder does, with a SpladePooling in the place of each fused head."""
        with self._stock_modules():
            super().save(*args, **options)

    @contextmanager
    def _stock_modules(self) -> Iterator[None]:
        heads: list[tuple[nn.Module, str, FusedHead]] = []
        for container, name, module in _children(self):
            if isinstance(module, FusedHead):
                heads.append((container, name, module))
        stock: dict[int, SpladePooling] = {}
        for container, name, head in heads:
            if id(head) not in stock:
                stock[id(head)] = SpladePooling(head.pooling, head.activation, head.dimensions)
            container.register_module(name, stock[id(head)])
        try:
            yield
        finally:
            for container, name, head in heads:
                container.register_module(name, head)


def _children(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """(parent, name, child) of every module below `module`."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            yield parent, name, child
