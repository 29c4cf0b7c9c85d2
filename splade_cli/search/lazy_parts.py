"""Lazily opened parts of a searcher: cross-encoders, expansion rules, the term matcher; each opened once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import RLock

from splade_cli.search.expansion import Expander
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.ranking.rerank import CrossEncoder


class LazyParts:
    """Opens each part when it is first asked for, and keeps it. Safe to be used from many threads.

    Args:
        open_reranker: opens a cross-encoder by its name.
        open_matcher: opens what finds terms in texts.
    """

    def __init__(
        self, open_reranker: Callable[[str], CrossEncoder], open_matcher: Callable[[], TermMatcher]
    ) -> None:
        self._open_reranker = open_reranker
        self._open_matcher = open_matcher
        self._lock = RLock()
        self._matcher: TermMatcher | None = None
        self._expanders: dict[Path, Expander] = {}
        self._rerankers: dict[str, CrossEncoder] = {}

    def matcher(self) -> TermMatcher:
        """What finds terms in texts."""
        with self._lock:
            if self._matcher is None:
                self._matcher = self._open_matcher()
            return self._matcher

    def expander(self, path: Path) -> Expander:
        """The expansion rules of a file."""
        with self._lock:
            if path not in self._expanders:
                self._expanders[path] = Expander.open(path)
            return self._expanders[path]

    def reranker(self, name: str) -> CrossEncoder:
        """The cross-encoder of a name."""
        with self._lock:
            if name not in self._rerankers:
                self._rerankers[name] = self._open_reranker(name)
            return self._rerankers[name]
