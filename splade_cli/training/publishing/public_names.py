"""Names of models that may be published: hub ids and packaged models, never a local folder."""

from __future__ import annotations

import re
from pathlib import Path

LOCAL_MODEL = "a local model"


def public_name(model: str) -> str | None:
    """A hub id, or the name of a packaged model; None for a folder, whose path is nobody else's business."""
    if is_hub_id(model):
        return model
    if any(mark in model for mark in "/\\~") or Path(model).exists():
        return None
    return model


def is_hub_id(name: str) -> bool:
    """Whether a name looks like ``somebody/something`` and is no path here."""
    named = re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None
    return named and not name.startswith(".") and not Path(name).exists()


def public_teacher(name: str) -> str:
    """A teacher's name, without the place of a local one."""
    kind, colon, model = name.partition(":")
    if colon and len(kind) > 1:
        return f"{kind}:{public_name(model) or LOCAL_MODEL}"
    return public_name(name) or LOCAL_MODEL
