"""What encodes the queries of a new index, and what that loses against the model, as `splade index` says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.cli.render import console

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex
    from splade_cli.model.embedder import SpladeEmbedder


def described(made: SpladeIndex) -> str:
    """What encodes the queries of an index, in words."""
    carried = made.info.query
    if carried is None:
        return "by the model"
    weights = f" ({carried.weights})" if carried.weights else ""
    return f"{carried.kind}{weights}, carried by the index"


def fidelity(made: SpladeIndex, embedder: SpladeEmbedder) -> None:
    """Says what the query encoder that the index carries loses against the model."""
    from splade_cli.evaluation.fidelity import query_fidelity
    from splade_cli.model.query_encoders.carried import open_query_encoder
    from splade_cli.search.searcher import Searcher

    carried = open_query_encoder(made.encoder_folder or Path(), made.info.query)
    assert carried is not None
    by_model = Searcher.over(made, embedder)
    found = query_fidelity(by_model, Searcher(by_model.engine, carried))
    console.note(
        f"{found.queries} queries written from these documents find their chunk with MRR@10 {found.other:.4f}, "
        f"{found.full:.4f} by the model itself ({found.other - found.full:+.4f}); "
        f"{found.common:.0%} of the ten best are the same"
    )
    console.note("on queries with judgements: splade evaluate --data DATA --query " + _flag(made))


def _flag(made: SpladeIndex) -> str:
    carried = made.info.query
    if carried is None:
        return "full"
    return "onnx-int8" if carried.int8 else carried.kind
