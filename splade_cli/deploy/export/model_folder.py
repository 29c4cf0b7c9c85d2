"""Copying a model folder without its weights: the start of every exported model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from splade_cli.errors import ModelError
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.storage.files import claim_output, write_json

COPIED = (".json", ".txt", ".md", ".model", ".py", "")


def source_folder(source: str | Path) -> Path:
    """The folder of a model that can be exported; its weights are not looked at.

    Raises:
        ModelError: no folder, or not of a masked language model and SpladePooling.
    """
    folder = Path(resolve(str(source)))
    if not folder.is_dir():
        raise ModelError(
            f"{source} is not on this disk", f"hf download {source} --local-dir DIR, then name DIR"
        )
    modules = _modules(folder)
    if modules and (modules[0][1] or [kind for kind, _ in modules[1:]] != ["SpladePooling"]):
        raise ModelError(
            f"{source} is made of {' + '.join(kind for kind, _ in modules)}",
            "export a folder of Transformer + SpladePooling that holds the transformer's files itself",
        )
    return folder


def exact(options: ModelOptions | None, max_seq_length: int | None = None) -> ModelOptions:
    """Float32 on the CPU, with the trust that `options` give: how an exported model is opened."""
    options = options or ModelOptions()
    return ModelOptions(
        device="cpu",
        precision="fp32",
        max_seq_length=max_seq_length,
        trust_remote_code=options.trust_remote_code,
        allow_pickle=options.allow_pickle,
    )


def copy_without_weights(
    source: str | Path, output: Path, options: ModelOptions | None = None
) -> LoadedModel:
    """Copies a model folder but for its weights, and opens the model in float32 on the CPU.

    Args:
        source: ``tiny`` or a model folder.
        output: a folder that is empty or not there.
        options: whom to trust.

    Raises:
        ModelError: as `source_folder`, or as loading raises.
        InputError: `output` is taken.
    """
    folder = source_folder(source)
    claim_output(output, force=False)
    loaded = load_splade_model(str(source), exact(options))
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in COPIED and not path.name.endswith(".index.json"):
            shutil.copyfile(path, output / path.name)
    for _, subfolder in _modules(folder):
        if subfolder:
            shutil.copytree(folder / subfolder, output / subfolder)
    masked_lm = loaded.splade.masked_lm
    embeddings = masked_lm.get_input_embeddings().weight
    tied = 0
    for _, weight in masked_lm.named_parameters(remove_duplicate=False):
        tied += weight is embeddings
    if tied == 1 and masked_lm.config.tie_word_embeddings:
        # transformers keeps two weights that differ apart, though the configuration says that they are one
        masked_lm.config.tie_word_embeddings = False
        edit_json(output / "config.json", tie_word_embeddings=False)
    return loaded


def edit_json(path: Path, **values: Any) -> None:
    """Sets keys of the JSON object in a file."""
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **values})


def _modules(folder: Path) -> list[tuple[str, str]]:
    """(kind, path) of what modules.json names; empty for a plain folder."""
    path = folder / "modules.json"
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ModelError(f"{path} is damaged: not JSON", "copy or download the model folder again") from None
    return [(row["type"].rpartition(".")[2], row["path"]) for row in rows]
