"""What a run leaves for people to read: its configuration as YAML, and the card of its model. Knows no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splade_cli.config import Config

if TYPE_CHECKING:
    from splade_cli.training.trainer import Trained


def as_yaml(config: Config) -> str:
    """The resolved configuration; `splade train --config` reads it again."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False)
    return text


def model_card(config: Config, result: Trained) -> str:
    """README.md of the model: base, data, validation before and after, how to open it."""
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: feature-extraction",
        "tags: [sparse-encoder, splade, sentence-transformers]",
        f"base_model: {config.model.base_model}",
        "---",
        "",
        f"# SPLADE model fine-tuned from `{config.model.base_model}`",
        "",
        f"{result.steps} steps on {result.rows} rows of `{config.datasets.train_file}`"
        + (f"; {result.share:.2f} tuned weights, {1 - result.share:.2f} base weights." if result.share < 1 else "."),
        "",
    ]
    if result.after:
        lines += ["| validation | before | after |", "|---|---|---|"]
        lines += [f"| {name} | {result.before[name]:.4f} | {value:.4f} |" for name, value in result.after.items()]
        lines += ["", "Validation queries were held out from the same source as the training queries.", ""]
    lines += [
        "```python",
        "from sentence_transformers import SparseEncoder",
        'model = SparseEncoder("this/folder")',
        "```",
    ]
    return "\n".join(lines) + "\n"
