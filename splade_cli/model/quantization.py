"""A model folder in, its int8 twin out, and an int8 folder back to float32; knows no tokens, texts or collections.

model.int8.safetensors   each 2-D weight ``X`` [o, i] as int8, and ``X.scale`` float32 [o]; small ones that would round
                         coarsely (outliers in a row) as float16; biases and norms as float32
quantization.json        {"format": "splade-int8", "version": 1, "weights": the name of the file above}

It saves disk and download: `load.load_splade_model` computes in float32 with what it reads. sentence-transformers
cannot open such a folder. The weights have a name of their own because transformers would take int8 rows in
model.safetensors for the weights, and say nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splade_cli.deploy.export.variant import add_to_card, begin_variant
from splade_cli.errors import ModelError
from splade_cli.files import write_json
from splade_cli.model.kernels.linear import Int8Weight
from splade_cli.model.load import INT8_MARK

WEIGHTS, FORMAT, VERSION = "model.int8.safetensors", "splade-int8", 1
COARSE, SMALL = 0.0125, 0.01
"""A matrix of less than this share of all weights stays float16 where int8 changes more than that of its norm.

In `tiny` these are the token types and the head's transform, 0.4% of the weights and two thirds of int8's error.
"""
CARD = (
    "Rows of linear and embedding weights are stored as int8, each with a float32 scale; computation is in float32. "
    "Only `splade` opens this folder:",
    '```python\nfrom splade_cli import load_splade_model\n\nmodel = load_splade_model("this/folder").model\n```',
    "`sentence_transformers.SparseEncoder` cannot open it, whatever is said above of the model that it was made of.",
)


def save_int8(source: str | Path, output: Path, **trust: Any) -> Path:
    """Writes the model folder `source` with int8 weights to `output`; `load.load_splade_model` opens it.

    Args: as `variant.begin_variant`.

    Returns:
        `output`. A weight in it differs from what it was by at most 1/254 of its row's largest.

    Raises:
        ModelError: no folder, no SPLADE model, or int8 already.
        InputError: `output` is taken.
    """
    from safetensors.torch import save_file

    masked_lm = begin_variant(source, output, **trust).splade.masked_lm
    stored: dict[str, Tensor] = {}
    seen: set[int] = set()
    total = sum(weight.numel() for weight in masked_lm.parameters())
    for name, tensor in masked_lm.state_dict().items():
        if tensor.data_ptr() in seen:
            continue  # a decoder that is the embeddings' weight
        seen.add(tensor.data_ptr())
        if not tensor.is_floating_point() or tensor.dim() != 2:
            stored[name] = tensor
            continue
        values, scale = Int8Weight.of(tensor)
        coarse = (values * scale[:, None] - tensor).norm() > COARSE * tensor.norm()
        small = tensor.numel() < SMALL * total
        stored |= {name: tensor.half()} if coarse and small else {name: values, f"{name}.scale": scale}
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, output / WEIGHTS)
    write_json(output / INT8_MARK, {"format": FORMAT, "version": VERSION, "weights": WEIGHTS})
    add_to_card(output, "int8 weights", CARD)
    return output


def dequantized(folder: str | Path) -> dict[str, Tensor]:
    """The float32 state of an int8 folder, tied weights once.

    Raises:
        ModelError: another format or version, or a weight without its scale.
    """
    from safetensors.torch import load_file

    mark = json.loads((Path(folder) / INT8_MARK).read_text(encoding="utf-8"))
    if (mark.get("format"), mark.get("version")) != (FORMAT, VERSION):
        raise ModelError(
            f"{folder} has weights of format {mark.get('format')} {mark.get('version')}, not {FORMAT} {VERSION}",
            "use the release of splade that wrote it, or run `splade export` on the original again",
        )
    stored = load_file(Path(folder) / mark["weights"])
    quantized = [name for name, tensor in stored.items() if tensor.dtype == torch.int8]
    for name in quantized:
        scale = stored.pop(f"{name}.scale", None)
        if scale is None:
            raise ModelError(f"{folder} is damaged: {name} has no scale", "copy the folder again")
        stored[name] = stored[name] * scale[:, None]
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}


def open_int8(folder: str | Path, trust_remote_code: bool = False) -> Any:
    """The masked language model of an int8 folder, in float32.

    Raises:
        ModelError: as `dequantized`, or weights that are not those of config.json.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    with torch.random.fork_rng(devices=[]):  # the first, random weights must not move the caller's seed
        masked_lm = AutoModelForMaskedLM.from_config(
            config, dtype=torch.float32, trust_remote_code=trust_remote_code
        )
    masked_lm.tie_weights()
    state, own = dequantized(folder), masked_lm.state_dict()
    missing, unexpected = masked_lm.load_state_dict(state, strict=False)
    read = {own[name].data_ptr() for name in state if name in own}
    wrong = [name for name in missing if own[name].data_ptr() not in read] + unexpected
    if wrong:
        raise ModelError(
            f"the weights of {folder} are not those that its config.json describes: {wrong[:2]}",
            "copy the folder again, or run `splade export` on the original again",
        )
    return masked_lm
