"""Progress of long calls: reported to a function, and drawn as tqdm bars where the caller gives none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done, total)``; total is None where it is not known."""

Say = Callable[[str], None]
"""Called with a remark that a user should see while work goes on, from whichever thread has it."""


def unsaid(remark: str) -> None:
    """The Say of callers that want none."""


def silent(stage: str, done: int, total: int | None) -> None:
    """The Progress of callers that want none."""


@contextmanager
def bars(progress: Progress | None = None) -> Iterator[Progress]:
    """`progress` where one is given; else a tqdm bar a stage, in notebooks and on terminals."""
    if progress is not None:
        yield progress
        return
    drawn = _Bars()
    try:
        yield drawn
    finally:
        drawn.close()


class _Bars:
    """A tqdm bar for each stage."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]

        if stage not in self._bars:
            self._bars[stage] = tqdm(desc=stage, total=total, disable=None)
        bar = self._bars[stage]
        bar.total = total
        bar.update(done - bar.n)

    def close(self) -> None:
        """Leaves the bars as they stand."""
        for bar in self._bars.values():
            bar.close()
