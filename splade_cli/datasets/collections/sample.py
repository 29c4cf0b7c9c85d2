"""The sample documentation with judged queries: among the assets of a package, in a clone beside it."""

from __future__ import annotations

from pathlib import Path

from splade_cli.errors import InputError

NAME = "sample_docs"
QUERIES = (
    "my print keeps coming off the plate",
    "thread bunches up underneath",
    "gears skip when I push hard",
)
"""Three that its documents answer in other words."""


def sample_folder() -> Path:
    """Where documents/, queries.jsonl and qrels/ of the sample lie. Raises InputError where they are gone."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "assets" / NAME, package.parent / NAME):
        if (folder / "documents").is_dir():
            return folder
    raise InputError(
        f"this installation has no {NAME}", "install the package again, or build a folder of your own"
    )
