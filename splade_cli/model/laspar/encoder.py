"""LASPAR: a transformer under a latent head, fresh or from a folder, as our encoder and as sentence-transformers'.

A folder holds what SparseEncoder.save_pretrained writes of [Transformer, LatentHead]: the body in the folder itself,
the head in ``1_LatentHead``. sentence-transformers refuses classes of other packages, so it opens here. Knows no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from splade_cli.errors import ModelError
from splade_cli.model.dense import resolve_dense
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.hub import model_error, quiet, read_json, require_hub
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.laspar.head import LatentHead
from splade_cli.model.layout import NO_LIMIT, identity_of
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.sparse_model import SparseModel, SparseRows

if TYPE_CHECKING:
    from splade_cli.config.schema import ModelSection

TOKENS = 256
"""Tokens read of a text where no limit is asked for, LASPAR's."""
SAMPLE = 256
"""Texts that a fresh head is calibrated by, at most."""


class LatentModel(SparseModel):
    """Token ids to weights of D latents.

    Args:
        body: a transformers model with ``last_hidden_state``; its linear layers are made faster in place.
        head: see `latent_head.LatentHead`.
        settings: `architectures.SparseModel`'s.
    """

    architecture = "laspar"

    def __init__(self, body: Any, head: LatentHead, **settings: Any) -> None:
        super().__init__(**settings)
        self.body, self.head = body, head
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
        columns, weights = self.head.encode(self.head.project(self.summed(**features)), self.head.kept(kind))
        columns, order = columns.sort(dim=1)
        weights = weights.gather(1, order)
        kept = weights > 0
        bounds = torch.zeros(len(weights) + 1, dtype=torch.int64)
        bounds[1:] = kept.sum(1).cumsum(0)
        return SparseRows(
            bounds.numpy(), columns[kept].to(torch.int32).cpu().numpy(), weights[kept].float().cpu().numpy()
        )


def latent_from(
    body_name: str,
    dimensions: int,
    variant: str = "attention",
    options: ModelOptions | None = None,
    *,
    prompts: dict[str, str] | None = None,
    **head_settings: Any,
) -> tuple[Any, LatentModel]:
    """A fresh model on any transformer's body, on the CPU and not calibrated.

    Args:
        body_name: a folder or hub id, of transformers or of a dense sentence-transformers model, or
            ``all-MiniLM-L6-v2``.
        dimensions: D.
        variant: ``attention`` or ``sum``.
        options: how to open the body; TOKENS or less are read of a text where they do not say.
        prompts: text put before each ``query`` and ``document``.
        head_settings: `LatentHead`'s ``rank``, ``query_k``, ``document_k``, ``precision`` and ``seed``.

    Returns:
        The tokenizer and the model.

    Raises:
        ModelError: not found, unreachable, or no such model.
        InputError: sizes that cannot be.
    """
    options = options or ModelOptions()
    source = resolve_dense(body_name)
    require_hub(source, options.revision)
    modules = read_json(source, "modules.json", options.revision) or [{"path": ""}]
    tokenizer, body = _from_pretrained(source, modules[0]["path"], body_name, options)
    limit = _limit(body, tokenizer)
    width = int(body.config.hidden_size)
    head = LatentHead(width, dimensions, variant, positions=min(limit, 512), **head_settings)
    length = min(limit, options.max_seq_length or TOKENS)
    model = LatentModel(body, head, name=body_name, identity="fresh", max_seq_length=length, prompts=prompts)
    return tokenizer, model.eval()


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
    modules = read_json(str(source), "modules.json") or []
    if [str(module.get("type")).rpartition(".")[2] for module in modules] != [
        "Transformer",
        LatentHead.__name__,
    ]:
        raise ModelError(
            f"{name} is no latent model", "name a folder that `splade train --preset laspar` wrote"
        )
    sizes = read_json(str(source), f"{modules[0]['path']}/sentence_bert_config.json".lstrip("/")) or {}
    outer = read_json(str(source), "config_sentence_transformers.json") or {}
    tokenizer, body = _from_pretrained(str(source), modules[0]["path"], name, options)
    head = LatentHead.load(str(source), modules[1]["path"])
    length = min(_limit(body, tokenizer), sizes.get("max_seq_length") or TOKENS)
    prompts = {kind: text for kind, text in (outer.get("prompts") or {}).items() if text}
    model = LatentModel(
        body,
        head,
        name=name,
        identity=identity_of(str(source)),
        max_seq_length=min(length, options.max_seq_length or length),
        prompts=prompts,
    )
    fit_threads()
    return LoadedModel(tokenizer, model.to(device.name).eval(), device)


def as_encoder(source: str, model: LatentModel) -> Any:
    """A sentence-transformers SparseEncoder [Transformer, LatentHead] of `model`, whose body becomes the encoder's.

    Args:
        source: the folder or hub id that the body's configuration and tokenizer are read from.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Module, Transformer

    Module.register(LatentHead)  # a checkpoint of foreign classes is opened again if they are modules
    transformer = Transformer(
        source, max_seq_length=model.max_seq_length, model_kwargs={"dtype": torch.float32}
    )
    transformer.model.load_state_dict(model.body.state_dict())
    use_fast_linear(transformer.model)
    device = str(next(model.body.parameters()).device)
    model.body = transformer.model
    encoder = SparseEncoder(
        modules=[transformer, model.head],
        similarity_fn_name="dot",
        device=device,
        prompts=model.prompts or None,
    )
    return encoder


def trainable_latent(
    section: ModelSection, options: ModelOptions, documents: Sequence[str] = ()
) -> tuple[Any, LoadedModel]:
    """What a run trains: a SparseEncoder, and our view of the same parameters.

    Args:
        section: a base that is a latent model already goes on, with its own sizes.
        options: how to open the base; the precision is float32 whatever they say.
        documents: the training corpus; the first SAMPLE of them calibrate a fresh head.

    Returns:
        The encoder and a LoadedModel.
    """
    quiet()
    options = replace(options, precision="fp32")
    device = choose_device(options.device, options.precision)
    name = section.base_model
    source = resolve_dense(name)
    modules = read_json(source, "modules.json") or [{"path": "", "type": ""}]
    inner = str(Path(source) / modules[0]["path"]) if modules[0]["path"] else source
    if str(modules[-1]["type"]).endswith(f".{LatentHead.__name__}"):
        opened = open_latent(source, name, options)
        tokenizer = opened.tokenizer
        model = cast(LatentModel, opened.model)
    else:
        tokenizer, model = latent_from(
            name,
            section.latent_dimensions,
            section.latent_variant,
            options,
            query_k=section.latent_query_k,
            document_k=section.latent_document_k,
        )
        if documents:
            calibrate(model, tokenizer, documents[:SAMPLE])
    model.to(device.name)
    model.body.requires_grad_(not section.latent_freeze_body)
    encoder = as_encoder(inner, model)
    model.body.requires_grad_(not section.latent_freeze_body)
    fit_threads()
    return encoder, LoadedModel(tokenizer, model, device)


def calibrate(model: LatentModel, tokenizer: Any, texts: Sequence[str]) -> None:
    """`LatentHead.calibrate` by the documents `texts`."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), 16):
            prompted = [model.prompts.get("document", "") + text for text in texts[start : start + 16]]
            features = tokenizer(
                prompted, truncation=True, max_length=model.max_seq_length, padding=True, return_tensors="pt"
            )
            parts.append(model.summed(**features.to(model.head.scale.device)))
    model.head.calibrate(torch.cat(parts))


def _from_pretrained(source: str, subfolder: str, name: str, options: ModelOptions) -> tuple[Any, Any]:
    """Tokenizer and body of a transformers folder or hub id. Raises ModelError."""
    from transformers import AutoModel, AutoTokenizer

    shared: dict[str, Any] = {"trust_remote_code": options.trust_remote_code, "revision": options.revision}
    if subfolder:
        shared["subfolder"] = subfolder
    weights = None if options.allow_pickle else True
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
        body = AutoModel.from_pretrained(source, dtype=torch.float32, use_safetensors=weights, **shared)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise model_error(
            name, error, options, source=source, subfolder=subfolder, kind="transformer"
        ) from None
    return tokenizer, body


def _limit(body: Any, tokenizer: Any) -> int:
    positions = int(getattr(body.config, "max_position_embeddings", 512))
    if body.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # their position ids start after the padding id
    limit = tokenizer.model_max_length
    return min(positions, int(limit)) if limit < NO_LIMIT else positions
