"""The order of writes, syncs and renames: what a power cut would leave, read off the calls of a command."""

from __future__ import annotations

import re
from pathlib import Path

from reliability.outcome import Outcome

UNSEEN = re.compile(r"\.tmp\w{6}")
"""What safetensors writes to, and renames by a call that the shim does not see; the new name is synced."""


def unsynced(calls: list[str], name: str) -> Outcome:
    """Renames by which a file or folder is published: all that was written of it must be on the disk before,
    and the folder that has the new name afterwards, so that a power cut leaves the old or the new."""
    outcome = Outcome(f"on the disk before its name is: {name}")
    changed: set[str] = set()
    unnamed: dict[str, str] = {}
    for call in calls:
        kind, _, path = call.partition(" ")
        if kind in ("write", "truncate", "open"):
            changed.add(path)
        elif kind == "sync":
            changed.discard(path)
            unnamed = {new: folder for new, folder in unnamed.items() if folder != path}
        elif kind == "rename":
            new, _, old = path.partition("\t")
            missing = [each for each in changed if each == old or each.startswith(f"{old}/")]
            missing = [each for each in missing if not UNSEEN.fullmatch(Path(each).name)]
            if missing:
                outcome.failed("not synced", f"{missing[:3]} become {new}")
            else:
                outcome.right("synced")
            unnamed[new] = str(Path(new).parent)
        elif kind == "remove":
            changed.discard(path)
            unnamed.pop(path, None)
    for new in unnamed:
        if not new.endswith((".old", ".damaged")):
            outcome.failed("name not synced", new)
    return outcome
