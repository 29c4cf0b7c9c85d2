"""The start of every exported model: a folder in, its copy without weights and the loaded model out; decides nothing.

What is done to the weights and to the vocabulary is for `pruning` and `quantization` to say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splade_cli.errors import ModelError
from splade_cli.files import claim_output, write_json
from splade_cli.model.load import INT8_MARK, load_splade_model, resolve
from splade_cli.model.loaded import LoadedModel

COPIED = (".json", ".txt", ".md", ".model", ".py", "")


def source_folder(source: str | Path) -> Path:
    """The folder of a model that can be exported; its weights are not looked at.

    Raises:
        ModelError: no folder, not of a masked language model and SpladePooling, or with int8 weights.
    """
    folder = Path(resolve(str(source)))
    if not folder.is_dir():
        raise ModelError(
            f"{source} is not on this disk", f"hf download {source} --local-dir DIR, then name DIR"
        )
    if (folder / INT8_MARK).is_file():
        raise ModelError(f"{source} has int8 weights already", "export the model that it was made of")
    modules = _modules(folder)
    if modules and (modules[0][1] or [kind for kind, _ in modules[1:]] != ["SpladePooling"]):
        raise ModelError(
            f"{source} is made of {' + '.join(kind for kind, _ in modules)}",
            "only Transformer + SpladePooling, with the transformer's files in the folder itself, can be exported",
        )
    return folder


def begin_variant(source: str | Path, output: Path, **trust: Any) -> LoadedModel:
    """Copies everything of the model folder `source` but its weights to `output`; the model in float32 on the CPU.

    Args:
        source: ``tiny`` or a model folder.
        output: a folder that is empty or not there.
        trust: ``trust_remote_code`` and ``allow_pickle`` of `load.load_splade_model`.

    Raises:
        ModelError: as `source_folder`, or as loading raises.
        InputError: `output` is taken.
    """
    folder = source_folder(source)
    claim_output(output, force=False)
    loaded = load_splade_model(str(source), device="cpu", precision="fp32", **trust)
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in COPIED and not path.name.endswith(".index.json"):
            shutil.copyfile(path, output / path.name)
    for _, place in _modules(folder):
        if place:
            shutil.copytree(folder / place, output / place)
    masked_lm = loaded.splade.masked_lm
    embeddings = masked_lm.get_input_embeddings().weight
    same = [
        name for name, weight in masked_lm.named_parameters(remove_duplicate=False) if weight is embeddings
    ]
    if len(same) == 1 and masked_lm.config.tie_word_embeddings:
        # transformers keeps two weights that differ apart, though the configuration says that they are one
        masked_lm.config.tie_word_embeddings = False
        edit_json(output / "config.json", tie_word_embeddings=False)
    return loaded


def _modules(folder: Path) -> list[tuple[str, str]]:
    """(kind, path) of what modules.json names; empty for a plain folder."""
    path = folder / "modules.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    except ValueError:
        raise ModelError(f"{path} is damaged: not JSON", "copy or download the model folder again") from None
    return [(row["type"].rpartition(".")[2], row["path"]) for row in rows]


def edit_json(path: Path, **values: Any) -> None:
    """Sets keys of the JSON object in a file."""
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **values})


def add_to_card(folder: Path, title: str, paragraphs: Sequence[str]) -> None:
    """Appends a section to the README.md of a model folder, which is made where there is none."""
    path = folder / "README.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else "# SPLADE model\n"
    path.write_text("\n\n".join([card.rstrip(), f"## {title}", *paragraphs]) + "\n", encoding="utf-8")
