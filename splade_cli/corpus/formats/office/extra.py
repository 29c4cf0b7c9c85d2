"""The extra that reads Office files, and what is said of such a file without it."""

from __future__ import annotations

from splade_cli.corpus.formats.prose import Unreadable


def needs(package: str) -> Unreadable:
    """Why a file is skipped where a package of the extra ``documents`` is not installed."""
    return Unreadable(f"needs {package} (pip install 'splade-cli[documents]')")
