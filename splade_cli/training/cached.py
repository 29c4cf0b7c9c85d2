"""Memoisation on disk: what a cache lacks is computed window by window, and never computed again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from splade_cli.storage.cache import Cache, key_of

WINDOW = 256
"""Items that are computed before they are written; what a kill costs at most."""
READ = 4096
"""Items whose values are in memory at a time when they are looked for."""
CachedTexts = tuple[str, ...]
"""The texts that a value depends on."""
Done = Callable[[int, int], None]
"""Called as ``done(items, of how many)``."""


@dataclass(frozen=True)
class Computed:
    """How many items were computed, and how many the cache had."""

    computed: int = 0
    reused: int = 0


def compute_missing(
    cache: Cache,
    space: str,
    items: Iterable[CachedTexts],
    compute: Callable[[Sequence[CachedTexts]], Sequence[bytes]],
    done: Done,
) -> Computed:
    """Fills a space of the cache: all of `items` are in it when this returns.

    Windows hold items of like length. The longest comes first, so that too little memory shows at once, the
    others in random order: of several processes that compute the same items, each finds most of what the
    others did.

    Args:
        compute: the values of some items, in their order.
    """
    wanted = list(dict.fromkeys(items))
    missing = _missing(cache, space, wanted)
    missing.sort(key=lambda item: -sum(map(len, item)))
    windows = [missing[start : start + WINDOW] for start in range(0, len(missing), WINDOW)]
    rest = windows[1:]
    random.Random().shuffle(rest)
    finished = len(wanted) - len(missing)
    computed = 0
    for window in [*windows[:1], *rest]:
        left = _missing(cache, space, window)
        if left:
            keys = [key_of(*item) for item in left]
            cache.put(space, dict(zip(keys, compute(left), strict=True)))
        computed += len(left)
        finished += len(window)
        done(finished, len(wanted))
    return Computed(computed, len(wanted) - computed)


def read_cached(cache: Cache, space: str, items: Sequence[CachedTexts]) -> list[bytes]:
    """The values of items that `compute_missing` has seen, in their order."""
    keys = [key_of(*item) for item in items]
    values = cache.get(space, keys)
    return [values[key] for key in keys]


def _missing(cache: Cache, space: str, items: Sequence[CachedTexts]) -> list[CachedTexts]:
    return list(_each_missing(cache, space, items))


def _each_missing(cache: Cache, space: str, items: Sequence[CachedTexts]) -> Iterator[CachedTexts]:
    for start in range(0, len(items), READ):
        by_key = {key_of(*item): item for item in items[start : start + READ]}
        cached = cache.get(space, list(by_key))
        for key, item in by_key.items():
            if key not in cached:
                yield item
