"""The shape of a peer: built from a CSR matrix, asked one query at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import scipy.sparse as sp


class Peer:
    """What each peer is: `package` to import, then build, prepare and search."""

    label: ClassVar[str]
    package: ClassVar[str]

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        raise NotImplementedError

    def prepare(self, query: sp.csr_matrix) -> Any:
        """The query as `search` takes it."""
        return query

    def search(self, query: Any, k: int) -> Any:
        """Whatever the package returns."""
        raise NotImplementedError

    def rows(self, answer: Any) -> list[int]:
        """Row numbers of an answer, best first."""
        return [int(row) for row in answer]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Libraries that write to file descriptors 1 and 2 by themselves write nowhere."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with open(os.devnull, "wb") as nowhere:
        for number, _ in kept:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
