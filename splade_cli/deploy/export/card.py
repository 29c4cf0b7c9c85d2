"""Sections that exporting adds to the model card of a folder, its README.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import ModelCard

METADATA = "---\nlibrary_name: sentence-transformers\ntags:\n- sparse-encoder\n- splade\n---\n\n"
"""What a card says of itself that has no metadata yet."""


def add_section(folder: Path, title: str, paragraphs: Sequence[str]) -> None:
    """Appends a section to the card of a model folder, which is made where there is none."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else "# SPLADE model\n"
    if not text.startswith("---"):
        text = METADATA + text
    card = ModelCard(text, ignore_metadata_errors=True)
    card.text = "\n\n".join([card.text.rstrip(), f"## {title}", *paragraphs]) + "\n"
    card.save(path)
