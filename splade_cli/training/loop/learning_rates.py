"""Learning rates of parameter groups: which pattern of names takes which weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

from splade_cli.config.schema import QUERY_LEARNING_RATE, Config
from splade_cli.errors import InputError
from splade_cli.training.trainable import Trainable


def learning_rates(config: Config, trainable: Trainable) -> dict[str, float]:
    """Learning rates by a pattern of parameter names; of two patterns that match, the later one counts.

    A static query table learns at a rate of its own.

    Raises:
        InputError: a rate that no parameter would take.
    """
    rates: dict[str, float] = {}
    if trainable.static is not None and not config.model.freeze_static_embedding:
        rates[_route("query")] = config.training.query_learning_rate or QUERY_LEARNING_RATE
    for route, rate in config.router.rates_of_routes.items():
        rates[_route(route)] = rate
    rates |= config.router.rates_of_parameters
    if not rates:
        return rates
    taken = set(parameters_by_rate(rates, trainable))
    for pattern, rate in rates.items():
        asked = config.training.query_learning_rate is not None or pattern != _route("query")
        if pattern not in taken and asked:
            raise InputError(
                f"learning rate {rate:g} is for no parameter: none is matched by '{pattern}' alone",
                "see router.learning_rate_patterns and training.query_learning_rate",
            )
    return {pattern: rate for pattern, rate in rates.items() if pattern in taken}


def parameters_by_rate(rates: Mapping[str, float], trainable: Trainable) -> dict[str, int]:
    """How many weights each pattern takes; ``""`` is for those that no pattern takes."""
    counts: dict[str, int] = {}
    for name, parameter in trainable.encoder.named_parameters():
        taker = ""
        for pattern in rates:
            if re.search(pattern, name):
                taker = pattern
        counts[taker] = counts.get(taker, 0) + parameter.numel()
    return counts


def _route(name: str) -> str:
    """A pattern of the parameters of one route of sentence-transformers' Router."""
    return rf"sub_modules\.{name}\."
