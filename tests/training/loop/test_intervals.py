"""When a run is validated and saved where nobody says: as often as its weights are chosen by it, else once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from splade_cli.config.resolve import resolve
from splade_cli.training.loop.arguments import set_intervals


def intervals(**keys: Any) -> SimpleNamespace:
    named = {key.replace("__", "."): value for key, value in keys.items()}
    config = resolve(preset="splade", flags={"training.max_steps": 200, **named}).config
    arguments = SimpleNamespace(load_best_model_at_end=config.training.load_best_model_at_end)
    set_intervals(SimpleNamespace(args=arguments, remove_callback=lambda kind: None), config)
    return arguments


def validations(arguments: SimpleNamespace) -> list[int]:
    """The steps at which transformers validates."""
    steps = range(arguments.eval_steps, 201, arguments.eval_steps)
    return [step for step in steps if step >= arguments.eval_delay]


def test_the_default_recipe_is_validated_once_on_the_way() -> None:
    """With the first and the last, which each run has, three times; its checkpoints are no fewer for that."""
    arguments = intervals()
    assert validations(arguments) == [134]
    assert arguments.save_steps == 40


@pytest.mark.parametrize(
    "keys",
    [
        {"training__load_best_model_at_end": True},
        {"training__early_stopping_patience": 2, "training__load_best_model_at_end": False},
    ],
)
def test_validations_that_decide_are_more(keys: dict[str, Any]) -> None:
    arguments = intervals(**keys)
    assert validations(arguments) == [80, 120, 160, 200]
    assert arguments.save_steps == 40


def test_what_is_asked_for_is_kept() -> None:
    arguments = intervals(training__eval_steps=50)
    assert (arguments.eval_steps, arguments.save_steps) == (50, 50)
    assert intervals(training__save_steps=70).save_steps == 70
