"""A latent head's folder: ``config.json`` with its sizes, ``model.safetensors`` with its parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from splade_cli.errors import ModelError
from splade_cli.model.laspar.shape import LatentShape
from splade_cli.storage.files import replacing
from splade_cli.storage.machine_faults import raise_machine_error

if TYPE_CHECKING:
    from splade_cli.model.laspar.head import LatentHead

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save_head(head: LatentHead, folder: Path) -> None:
    """Writes a head into `folder`.

    A file that is there is replaced and not written into: it may be the one that U is mapped from.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(head.get_config_dict(), indent=2), encoding="utf-8")
    state = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})


def load_head(kind: type[LatentHead], folder: Path) -> LatentHead:
    """Opens what `save_head` wrote; U stays in the file, copied page by page where training changes it.

    Raises:
        ModelError: a file that is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        with torch.device("meta"):
            head = kind(LatentShape(**settings))
        head.load_state_dict(load_file(folder / WEIGHTS), assign=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise_machine_error(error)
        reason = str(error).splitlines()[0][:160]
        raise ModelError(
            f"the latent head in {folder} is damaged ({reason})", "copy or train the model again"
        ) from None
    for name, parameter in head.named_parameters():
        parameter.requires_grad_(not name.startswith("rows."))
    return head
