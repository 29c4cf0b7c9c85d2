"""Damage to the cache of what was computed or paid for, in its file or in the log beside it.

What must be: no value but those that were kept, and a cache that keeps and gives all of them afterwards.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np

from reliability.damage.damaged_index import damage
from reliability.damage.warnings_told import Told
from reliability.forked import ANSWERED, tried
from reliability.outcome import Outcome
from splade_cli.storage.cache import Cache, key_of

ROWS = 200


def damaged_caches(folder: Path, in_log: bool, count: int, seed: int, outcome: Outcome) -> None:
    """Damages copies of a cache, whose last rows lie in the log beside it where asked for."""
    folder.mkdir()
    made, path = folder / "made", folder / "cache.sqlite3"
    items = _items()
    cache = Cache(made)
    for space, values in items.items():
        for key, value in values.items():
            cache.put(space, {key: value})
    kept = {"": made.read_bytes(), "-wal": Path(f"{made}-wal").read_bytes()}
    cache.close()
    if not in_log:
        kept = {"": made.read_bytes()}
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        hit = "-wal" if in_log else ""
        what, changed = damage(kept[hit], dice)
        for left in folder.glob("cache.sqlite3*"):
            left.unlink()
        for ending, content in {**kept, hit: changed}.items():
            Path(f"{path}{ending}").write_bytes(content)
        note = f"--seed {seed}, try {number}: {what} in cache{hit}"
        ending = tried(lambda: _cache(path, items))
        if ending.kind == ANSWERED and not ending.text.startswith("wrong"):
            outcome.right(ending.text)
        elif ending.kind == ANSWERED:
            outcome.failed("wrong value", f"{note}: {ending.text}")
        else:
            outcome.failed(ending.kind, f"{note}: {ending.text[-600:]}")
    shutil.rmtree(folder)


def _items() -> dict[str, dict[bytes, bytes]]:
    dice = np.random.default_rng(3)
    vectors = {key_of("window", str(number)): dice.bytes(3000 + number) for number in range(ROWS)}
    answers = {}
    for number in range(ROWS):
        said = {"text": f"which lantern has harbour {number}", "prompt_tokens": number}
        answers[key_of("answer", str(number))] = json.dumps(said).encode()
    return {"sparse vectors": vectors, "llm answers": answers}


def _cache(path: Path, items: dict[str, dict[bytes, bytes]]) -> str:
    """How a damaged cache serves: what it has, and whether all can be kept and read again."""
    missing = 0
    with Told() as told, Cache(path) as cache:
        cache.spaces()
        for space, values in items.items():
            found = cache.get(space, list(values))
            if not found.items() <= values.items():
                return f"wrong value in {space}"
            missing += len(values) - len(found)
            cache.put(space, values)
            if cache.get(space, list(values)) != values:
                return f"wrong: {space} cannot be kept"
    with Cache(path) as cache:
        if any(cache.get(space, list(values)) != values for space, values in items.items()):
            return "wrong: what was kept is gone"
    if not missing:
        return "all rows there"
    if told.lines:
        return "told, the whole rows kept"
    return "rows made anew"
