"""A cache of what is known of chunks, the most recently used of which are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class RecentlyUsed(Generic[Item]):
    """Remembers something of each chunk of an engine. Safe to be used from many threads.

    Args:
        make: what is to be known of chunks of these ids, in their order.
        capacity: chunks to remember.
    """

    def __init__(self, make: Callable[[Sequence[str]], Iterable[Item]], capacity: int) -> None:
        self._make = make
        self._capacity = capacity
        self._lock = Lock()
        self._items: OrderedDict[str, Item] = OrderedDict()

    def __call__(self, ids: Sequence[str]) -> dict[str, Item]:
        """What is known of `ids`; for those that are not remembered it is made in one call."""
        items = self._items
        with self._lock:
            found = {each: items[each] for each in ids if each in items}
            if 2 * len(items) > self._capacity:  # before, nothing will be forgotten soon
                for each in found:
                    items.move_to_end(each)
        if len(found) == len(ids):
            return found
        missing = [each for each in dict.fromkeys(ids) if each not in found]
        if not missing:
            return found
        made = dict(zip(missing, self._make(missing), strict=True))
        with self._lock:
            items.update(made)
            while len(items) > self._capacity:
                items.popitem(last=False)
        return found | made
