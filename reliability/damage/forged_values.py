"""Values that lie: numbers put into an array, values put into a JSON document, of any type and size."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

VALUES: tuple[Any, ...] = (
    -1, 0, 1, 2, 3, 255, 65_536, 2**31 - 1, 2**31, 2**53, 2**63, 10**18, 10**400, -(2**63), 0.5, -0.0,
    1e308, float("nan"), float("inf"), True, False, None, "", "x", "1", "../../x", "/etc/passwd", "a/b",
    "a\\b", "a\0b", "..", ".", "con", "NUL.txt", "é", "x" * 5000, "manifest.json", [], {}, [[]], [0], ["x"],
    {"a": 1}, [None] * 50,
)  # fmt: skip
NUMBERS = (-(2**63), -(2**31), -1, 0, 1, 7, 255, 256, 65_535, 2**31 - 1, 2**40, 2**62, 2**63 - 1)
FLOATS = (0.0, -1.0, 1e-38, 1e38, float("nan"), float("inf"), float("-inf"))


def forge_array(values: Any, kind: str, dice: random.Random) -> None:
    def one() -> Any:
        if values.dtype.kind == "f":
            return dice.choice(FLOATS)
        limits = np.iinfo(values.dtype)
        near = int(values[dice.randrange(len(values))]) + dice.choice((-1, 1))
        return min(max(dice.choice((*NUMBERS, near)), limits.min), limits.max)

    places = range(len(values))
    if kind == "one":
        values[dice.choice((0, len(values) - 1, dice.choice(places)))] = one()
    elif kind == "some":
        for _ in range(1 + len(values) // 3):
            values[dice.choice(places)] = one()
    elif kind == "reversed":
        values[:] = values[::-1].copy()
    elif kind == "shuffled":
        np.random.default_rng(dice.randrange(1 << 30)).shuffle(values)
    elif kind == "all":
        values[:] = one()
    else:
        values.view(np.uint8)[:] = np.frombuffer(dice.randbytes(values.nbytes), np.uint8)


def forge_json(value: Any, dice: random.Random) -> str:
    """Changes one value somewhere below; says where."""
    where = ""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return f"{where} is empty"
        key = dice.choice(keys)
        where += f"/{str(key)[:40]}"
        below = value[key]
        if isinstance(below, dict | list) and below and dice.random() < 0.85:
            value = below
            continue
        how = dice.choice(("value", "value", "value", "deleted", "more"))
        if how == "value":
            value[key] = dice.choice(VALUES)
            return f"{where} = {str(value[key])[:30]}"
        if how == "deleted":
            del value[key]
        elif isinstance(value, dict):
            value[dice.choice(("x", "../x", "rows", "dtype"))] = dice.choice(VALUES)
        else:
            value.append(dice.choice(VALUES))
        return f"{where} {how}"


def json_text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
