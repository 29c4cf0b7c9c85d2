"""Sizes that a model's configuration names, held against the weights beside it before any memory is taken.

A library that builds a model takes memory for what config.json says and looks at the weights afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splade_cli.errors import ModelError
from splade_cli.model.folder.settings import AGAIN, Settings, shown
from splade_cli.model.hub import find_file

MOST = {
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 17,
    "embedding_size": 1 << 17,
    "intermediate_size": 1 << 20,
    "num_hidden_layers": 1000,
    "num_attention_heads": 1 << 12,
    "max_position_embeddings": 1 << 24,
    "type_vocab_size": 1 << 16,
    "num_labels": 1 << 16,
}
"""Far above the sizes of any model that is known."""
MAY_BE_ZERO = ("type_vocab_size",)
TABLES: dict[str, tuple[str, ...]] = {
    "word_embeddings.weight": ("vocab_size",),
    "tok_embeddings.weight": ("vocab_size",),
    "embed_tokens.weight": ("vocab_size",),
    "position_embeddings.weight": ("max_position_embeddings",),
    "token_type_embeddings.weight": ("type_vocab_size",),
    "linear.weight": ("out_features", "in_features"),
}
"""Keys that name the shape of a tensor, by the end of its name."""
AUTOENCODER: dict[str, tuple[str, ...]] = {"encoder.weight": ("hidden_dim", "input_dim")}
"""The same of a module's folder whose settings have `hidden_dim`."""
WEIGHTS = "model.safetensors"


def require_sizes(source: str, folder: str = "", revision: str | None = None) -> None:
    """Raises ModelError where a folder's config.json names a size that is none, or not that of its weights.

    Args:
        source: a folder or hub id.
        folder: below it, "" for itself.
    """
    prefix = f"{folder}/" if folder else ""
    settings = Settings.read(source, f"{prefix}config.json", revision)
    for key, most in MOST.items():
        if settings.values.get(key) == 0 and key in MAY_BE_ZERO:
            continue
        settings.size(key, most)
    for key in ("layer_norm_eps", "norm_eps"):
        settings.require_number(key)
    pad = settings.values.get("pad_token_id")
    tokens = settings.values.get("vocab_size")
    if isinstance(pad, int) and isinstance(tokens, int) and pad >= tokens:
        raise settings.wrong("pad_token_id", f"a number below vocab_size {tokens} is expected")
    tables = TABLES
    if "hidden_dim" in settings.values:
        tables = AUTOENCODER
        for key in ("hidden_dim", "input_dim", "k", "k_aux"):
            settings.size(key)
    weights = find_file(source, f"{prefix}{WEIGHTS}", revision)
    if weights is None:
        return
    _require_shapes(settings, weights, tables)
    _require_room(settings, weights)


def require_tokens(tokenizer: Any, rows: int, name: str) -> None:
    """Raises ModelError where a tokenizer gives numbers that a table of so many rows does not have, or reads
    no text of any length."""
    limit = tokenizer.model_max_length
    if not isinstance(limit, int | float) or not limit > 0:
        raise ModelError(
            f"tokenizer_config.json of {name}: model_max_length is {shown(limit)}, a number is expected",
            AGAIN,
        )
    last = max(tokenizer.get_vocab().values(), default=0)
    if last >= rows:
        raise ModelError(
            f"the tokenizer of {name} has a token of the number {last}, its weights have {rows} rows",
            "the tokenizer is another model's: copy or download the model folder again",
        )


def require_own_tokens(encoder: Any, name: str) -> None:
    """The same of a sentence-transformers model whose first module is a transformer."""
    body: Any = getattr(encoder[0], "model", None)
    if hasattr(body, "get_input_embeddings") and hasattr(encoder.tokenizer, "get_vocab"):
        require_tokens(encoder.tokenizer, len(body.get_input_embeddings().weight), name)


def _require_shapes(settings: Settings, weights: Path, tables: dict[str, tuple[str, ...]]) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "np") as tensors:
            slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
            shapes = {name: list(tensor.get_shape()) for name, tensor in slices.items()}
            kinds = {name: tensor.get_dtype() for name, tensor in slices.items()}
    except (OSError, SafetensorError):
        return  # whoever reads them says so
    for name, kind in kinds.items():
        if name.endswith(".weight") and "F" not in kind:
            raise ModelError(
                f"{name} in {weights.name} is of type {kind}, and weights are fractions",
                "name a model that is not quantised",
            )
    for name, shape in shapes.items():
        for ending, keys in tables.items():
            if not f".{name}".endswith(f".{ending}"):
                continue
            for key, size in zip(keys, shape, strict=False):
                named = settings.values.get(key, size)
                if named != size:
                    raise ModelError(
                        f"{settings.file} says {key} {named}, {name} in {weights.name} has {size}", AGAIN
                    )


def _require_room(settings: Settings, weights: Path) -> None:
    """Whether the file could hold the largest tables; four bits are the least that a number takes."""
    most = 2 * weights.stat().st_size
    hidden = settings.values.get("hidden_size")
    if hidden is None:
        return
    for key in ("vocab_size", "intermediate_size", "num_hidden_layers"):
        width = hidden
        if key == "vocab_size":
            width = min(hidden, settings.values.get("embedding_size") or hidden)
        if (settings.values.get(key) or 0) * width > most:
            raise ModelError(
                f"{settings.file} says {key} {settings.values[key]} and hidden_size {hidden}: "
                f"{weights.name} is too small for that",
                AGAIN,
            )
