"""A model's name to a loaded SpladeModel: the only file that knows the hub, safetensors, trust and folder layouts.

Takes ``tiny`` (the model in this package), a folder, or a hub id; a plain masked-LM folder or a sentence-transformers
SparseEncoder folder of [Transformer(fill-mask), SpladePooling]. Refuses pickled weights and remote code unless asked.
"""

from __future__ import annotations

import hashlib
import logging
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch

from splade_cli.errors import ModelError
from splade_cli.model.device import Device, choose_device, fit_threads
from splade_cli.model.hub import fetched_commit, hub_error, quiet, require_hub
from splade_cli.model.layout import NO_LIMIT, Layout, last_module, read_layout
from splade_cli.model.splade.encoder import SparseModel, SpladeModel

DEFAULT_MODEL = "tiny"
INT8_MARK = "quantization.json"
MARKS = ("config.json", "modules.json")
LENGTH_LIMIT = 512
"""Tokens read where neither the folder nor the tokenizer names a limit."""


class LoadedModel(NamedTuple):
    """What `load_splade_model` returns; unpacks as ``tokenizer, model, device``."""

    tokenizer: Any
    model: SparseModel
    device: Device

    @property
    def splade(self) -> SpladeModel:
        """The model as one that ends in a vocabulary. Raises ModelError where it does not."""
        if not isinstance(self.model, SpladeModel):
            raise ModelError(
                f"{self.model.name} is a {self.model.architecture} model, which has no vocabulary",
                "name a SPLADE model",
            )
        return self.model

    def with_precision(self, precision: str, reason: str) -> LoadedModel:
        """The same model, encoding documents in another precision from now on."""
        self.model.use_int8(precision == "int8")
        return self._replace(device=self.device._replace(precision=precision, reason=reason))


def resolve(name: str) -> str:
    """A folder path or hub id for `name`; ``tiny`` is the model that this package carries.

    Raises:
        ModelError: `name` looks like a path and there is no such folder.
    """
    if name == DEFAULT_MODEL and not Path(name).is_dir():
        return str(files("splade_cli") / "assets" / "tiny")
    path = Path(name).expanduser()
    if path.is_dir():
        nested = path / "final"
        return str(path if any((path / mark).exists() for mark in MARKS) or not nested.is_dir() else nested)
    if path.exists():
        raise ModelError(f"{name} is a file, a model is a folder", "name the folder that holds config.json")
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or name.endswith("/"):
        raise ModelError(
            f"no model folder {name}", f"use '{DEFAULT_MODEL}', a folder, or a hub id like naver/splade-v3"
        )
    return name


def load_splade_model(
    name: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    max_seq_length: int | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
    revision: str | None = None,
) -> LoadedModel:
    """Loads a sparse encoder for encoding.

    Args:
        name: ``tiny``, a folder, or a hub id.
        device, precision: see `device.choose_device`.
        max_seq_length: tokens read of a text; the model's own limit by default.
        trust_remote_code: run Python code that the model's repository brings.
        allow_pickle: read pytorch_model.bin where there is no safetensors file; a pickle can run any code.
        revision: branch, tag or commit of a hub model.

    Raises:
        ModelError: not found, unreachable, gated, no masked language model, damaged, or needs a flag.
    """
    place = choose_device(device, precision)
    source = resolve(name)
    quiet()
    require_hub(source, revision)
    last = last_module(source, revision)
    if last in ("SparseAutoEncoder", "LatentHead"):
        options = {"trust_remote_code": trust_remote_code, "allow_pickle": allow_pickle, "revision": revision}
        return _without_vocabulary(last, source, name, place, max_seq_length, **options)
    layout = read_layout(source, name, revision)
    tokenizer, masked_lm = _from_pretrained(source, name, layout, trust_remote_code, allow_pickle, revision)
    limit = max_seq_length or layout.max_seq_length or tokenizer.model_max_length
    positions = getattr(masked_lm.config, "max_position_embeddings", LENGTH_LIMIT)
    if masked_lm.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # their position ids start after the padding id
    model = SpladeModel(
        masked_lm,
        name=name,
        identity=identity_of(source, revision),
        pooling=layout.pooling,
        activation=layout.activation,
        max_seq_length=min(int(limit), positions) if limit < NO_LIMIT else min(LENGTH_LIMIT, positions),
        prompts=layout.prompts,
        max_active=layout.max_active,
        query_table=layout.query_table(tokenizer),
        query_length=layout.query_length,
    )
    if not model.fused:
        logging.getLogger(__name__).warning(
            "%s does not end in a plain linear decoder: its logits are computed in full, slower and in more memory",
            name,
        )
    fit_threads()
    loaded = LoadedModel(tokenizer, model.to(place.name).eval(), place)
    return loaded.with_precision(place.precision, place.reason)


def _without_vocabulary(
    last: str, source: str, name: str, place: Device, max_seq_length: int | None, **options: Any
) -> LoadedModel:
    """A CSR or LASPAR model. Raises ModelError as they do."""
    if last == "SparseAutoEncoder":
        from splade_cli.model.csr.encoder import open_csr

        tokenizer, csr = open_csr(source, name, place.name, max_seq_length=max_seq_length, **options)
        return LoadedModel(tokenizer, csr.eval(), place)
    from splade_cli.model.laspar.encoder import open_latent

    tokenizer, model = open_latent(Path(source), name, place.name)
    model.identity = identity_of(source)
    model.max_seq_length = min(model.max_seq_length, max_seq_length or model.max_seq_length)
    return LoadedModel(tokenizer, model, place)


def identity_of(source: str, revision: str | None = None) -> str:
    """SHA-256 over a folder's weights, configuration and tokenizer, so that an index can tell who made it.

    For a hub id it is the id with the commit that was fetched, ``name@commit``.
    """
    folder = Path(source)
    if not folder.is_dir():
        return "@".join(filter(None, (source, fetched_commit(source, revision))))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        decides = (
            path.suffix in (".safetensors", ".bin", ".json", ".txt", ".model")
            and path.name != "training.json"
        )
        if decides and not any(part.startswith("checkpoint") for part in path.relative_to(folder).parts):
            digest.update(name.encode())
            with open(path, "rb") as file:
                while part := file.read(1 << 24):
                    digest.update(part)
    return digest.hexdigest()


def _from_pretrained(
    source: str, name: str, layout: Layout, trust_remote_code: bool, allow_pickle: bool, revision: str | None
) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    if Path(source).is_dir() and not (Path(source) / layout.transformer / "config.json").is_file():
        raise ModelError(
            f"{name} is no model folder: it has no config.json", "name the folder that `splade train` wrote"
        )
    shared: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    if layout.transformer:
        shared["subfolder"] = layout.transformer
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
        if (Path(source) / INT8_MARK).is_file():
            from splade_cli.model.quantization import open_int8

            return tokenizer, open_int8(source, trust_remote_code)
        masked_lm, info = AutoModelForMaskedLM.from_pretrained(
            source,
            use_safetensors=None if allow_pickle else True,
            dtype=torch.float32,
            output_loading_info=True,
            **shared,
        )
    except SafetensorError as error:
        raise ModelError(
            f"the weights of {name} are damaged ({error})", "copy or download the model again"
        ) from None
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise hub_error(name, error) from None
    if info["missing_keys"] or info.get("mismatched_keys"):
        missing = sorted(info["missing_keys"])[:2] or "weights of another shape"
        raise ModelError(
            f"{name} has no complete masked-LM head: {missing} not in its weights",
            "a sparse encoder needs a model with a trained *ForMaskedLM head",
        )
    return tokenizer, masked_lm
