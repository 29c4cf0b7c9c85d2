"""Settings files made on the fly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def _yaml(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def yaml() -> Callable[..., Path]:
    return _yaml
