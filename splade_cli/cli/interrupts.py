"""Interruptions: what Ctrl-C leaves, and what to type next."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.02
"""Seconds after which an interruption comes again: long enough for a finaliser to be over."""
KEPT = {
    "build": "what is finished is kept; run the same command again to go on",
    "gen-data": "what was written, and encoded in whole parts, is kept; run the same command again to go on",
    "train": "a checkpoint that was written is kept; run the same command with --resume to go on",
    "index": "what was encoded in whole parts is kept; run the same command again to go on",
    "push": "rows that an engine has are kept; run the same command again to go on",
    "evaluate": "what was encoded in whole parts is kept; run the same command again to go on",
}


@contextmanager
def told(words: str) -> Iterator[None]:
    """Has an interruption say `words` where it says nothing of its own."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(str(error) or words) from None


@contextmanager
def told_if_whole(output: Path, is_whole: Callable[[], bool], *, force: bool) -> Iterator[None]:
    """Has an interruption that comes when `output` stands say so: typed again, the command would be refused.

    Args:
        is_whole: whether nothing is missing in it.
        force: what was there before is replaced, so that typing it again is no mistake.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not force and is_whole():
            raise KeyboardInterrupt(f"{output} is whole: there is nothing to run again") from None
        raise


def lost_again(lost: sys.UnraisableHookArgs) -> None:
    """Has an interruption that came inside a finaliser, where Python drops it, come again; a hook of `sys`.

    Else Ctrl-C would print "Exception ignored in ..." now and then, and the command would go on.
    """
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    timer = threading.Timer(PAUSE, _thread.interrupt_main)
    timer.daemon = True
    timer.start()


def kept(command: str, error: KeyboardInterrupt) -> str:
    """What an interrupted command has left, and what to type to go on."""
    return str(error) or KEPT.get(command, "")
