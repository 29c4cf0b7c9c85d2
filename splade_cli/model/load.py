"""A model's name to a loaded SpladeModel: the only file that knows the hub, safetensors, trust and folder layouts.

Takes ``tiny`` (the model in this package), a folder, or a hub id; a plain masked-LM folder or a sentence-transformers
SparseEncoder folder of [Transformer(fill-mask), SpladePooling]. Refuses pickled weights and remote code unless asked.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import torch

from splade_cli.errors import ModelError
from splade_cli.model.architectures import SpladeModel, share_pooling
from splade_cli.model.device import Device, choose_device

DEFAULT_MODEL = "tiny"
LENGTH_LIMIT = 512
"""Tokens read where neither the folder nor the tokenizer names a limit."""


class LoadedModel(NamedTuple):
    """What `load_splade_model` returns; unpacks as ``tokenizer, model, device``."""

    tokenizer: Any
    model: SpladeModel
    device: Device


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
        return str(nested if not (path / "config.json").exists() and (nested / "config.json").exists() else path)
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
    _quiet()
    _require_hub(source, revision)
    layout = _layout(source, name, revision)
    tokenizer, masked_lm = _from_pretrained(source, name, trust_remote_code, allow_pickle, revision)
    limit = max_seq_length or layout.get("max_seq_length") or tokenizer.model_max_length
    positions = getattr(masked_lm.config, "max_position_embeddings", LENGTH_LIMIT)
    if masked_lm.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # their position ids start after the padding id
    model = SpladeModel(
        masked_lm,
        name=name,
        identity=identity_of(source),
        pooling=layout.get("pooling_strategy", "max"),
        activation=layout.get("activation_function", "relu"),
        max_seq_length=min(int(limit), positions) if limit < 1_000_000 else min(LENGTH_LIMIT, positions),
        prompts=layout.get("prompts", {}),
        max_active=layout.get("max_active_dims"),
    )
    return LoadedModel(tokenizer, model.to(place.name).eval(), place)


def identity_of(source: str) -> str:
    """SHA-256 over a folder's weights, configuration and tokenizer, so that an index can tell who made it.

    A hub id that is no folder is its own identity.
    """
    folder = Path(source)
    if not folder.is_dir():
        return source
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        decides = path.suffix in (".safetensors", ".bin", ".json", ".txt", ".model") and path.name != "training.json"
        if decides and not any(part.startswith("checkpoint") for part in path.relative_to(folder).parts):
            digest.update(name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _layout(source: str, name: str, revision: str | None) -> dict[str, Any]:
    """Pooling, prompts and length limit as a sentence-transformers folder records them; empty for a plain one."""
    modules = _read_json(source, "modules.json", revision)
    if modules is None:
        return {}
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    if kinds not in (["Transformer", "SpladePooling"], ["MLMTransformer", "SpladePooling"]):
        raise ModelError(
            f"{name} is made of {' + '.join(kinds)}, a SPLADE model is Transformer + SpladePooling",
            f"use '{DEFAULT_MODEL}' or another SPLADE model, e.g. prithivida/Splade_PP_en_v1",
        )
    layout: dict[str, Any] = {}
    layout.update(_read_json(source, "sentence_bert_config.json", revision) or {})
    layout.update(_read_json(source, f"{modules[1]['path']}/config.json", revision) or {})
    layout.update(_read_json(source, "config_sentence_transformers.json", revision) or {})
    return layout


def _require_hub(source: str, revision: str | None) -> None:
    """Raises ModelError at once where a model has to be fetched and the hub does not answer.

    The hub's client would try again for more than a minute. Behind a proxy only the client itself can tell.
    """
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(source).is_dir():
        return
    try:
        if isinstance(try_to_load_from_cache(source, "config.json", revision=revision), str):
            return
    except HFValidationError as error:
        raise _hub_error(source, error) from None
    if constants.HF_HUB_OFFLINE or any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=10).close()
    except OSError as error:
        raise _hub_error(source, ConnectionError(f"cannot connect: {error}")) from None


def _read_json(source: str, name: str, revision: str | None) -> Any:
    from transformers.utils import cached_file

    if Path(source).is_dir():
        path = Path(source) / name
    else:
        try:
            found = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
        except (OSError, ValueError) as error:
            raise _hub_error(source, error) from None
        if found is None:
            return None
        path = Path(found)
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ModelError(f"{path} is damaged: not JSON", "copy or download the model folder again") from None


def _from_pretrained(
    source: str, name: str, trust_remote_code: bool, allow_pickle: bool, revision: str | None
) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise ModelError(
            f"{name} is no model folder: it has no config.json", "name the folder that `splade train` wrote"
        )
    shared: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
        masked_lm, info = AutoModelForMaskedLM.from_pretrained(
            source,
            use_safetensors=None if allow_pickle else True,
            dtype=torch.float32,
            output_loading_info=True,
            **shared,
        )
    except SafetensorError as error:
        raise ModelError(f"the weights of {name} are damaged ({error})", "copy or download the model again") from None
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise _hub_error(name, error) from None
    if info["missing_keys"] or info.get("mismatched_keys"):
        missing = sorted(info["missing_keys"])[:2] or "weights of another shape"
        raise ModelError(
            f"{name} has no complete masked-LM head: {missing} not in its weights",
            "a sparse encoder needs a model with a trained *ForMaskedLM head",
        )
    return tokenizer, masked_lm


def _hub_error(name: str, error: Exception) -> ModelError:
    """One sentence and a hint for what transformers and the hub say in many lines."""
    text = str(error)
    lower = text.lower()
    if "trust_remote_code" in lower or "custom code" in lower:
        return ModelError(f"{name} brings its own Python code", "read it, then add --trust-remote-code")
    if "safetensors" in lower and ("not found" in lower or "no file named" in lower or "does not appear" in lower):
        return ModelError(
            f"{name} has no safetensors weights",
            "add --allow-pickle if you trust its author: a pickle can run any code",
        )
    if "gated" in lower or "401" in lower or "403" in lower:
        return ModelError(f"{name} is gated or private", "accept its terms on the hub and run `hf auth login`")
    if Path(name).expanduser().is_dir():
        return ModelError(
            f"{name} could not be read as a masked language model: {text.splitlines()[0][:160]}", _ANOTHER
        )
    if "connect" in lower or "offline" in lower or "resolve" in lower or "max retries" in lower or "timed out" in lower:
        return ModelError(
            f"the model hub cannot be reached for {name}",
            f"use '{DEFAULT_MODEL}' or a local folder; behind a mirror set HF_ENDPOINT",
        )
    return ModelError(
        f"no model {name} on the hub or on this disk: {text.splitlines()[0][:160] if text else ''}", _ANOTHER
    )


_ANOTHER = f"use '{DEFAULT_MODEL}', a folder, or a hub id like prithivida/Splade_PP_en_v1"


def _quiet() -> None:
    """Loading bars and advice of transformers do not belong between a user's results."""
    from transformers.utils import logging as transformers_logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)


def load_for_training(name: str, loaded: LoadedModel, **options: Any) -> tuple[Any, LoadedModel]:
    """A sentence-transformers SparseEncoder of the model `loaded` from `name`, and our view of the same parameters.

    Args:
        name: as given to `load_splade_model`, which has found it in order.
        loaded: from `load_splade_model`; its settings are taken over, its weights are not shared.
        options: ``trust_remote_code``.

    Returns:
        The SparseEncoder, whose pooling is ours now, and a LoadedModel that encodes with its current weights.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    encoder = SparseEncoder(
        resolve(name),
        device=loaded.device.name,
        trust_remote_code=options.get("trust_remote_code", False),
        model_kwargs={"dtype": torch.float32},
    )
    encoder.max_seq_length = loaded.model.max_seq_length
    pooling = encoder[1]
    if not isinstance(pooling, SpladePooling):
        raise ModelError(f"{name} does not end in SpladePooling", f"use '{DEFAULT_MODEL}' or another SPLADE model")
    pooling.pooling_strategy = loaded.model.pooling
    model = SpladeModel(
        encoder[0].model,
        name=name,
        identity="in training",
        pooling=loaded.model.pooling,
        activation=loaded.model.activation,
        max_seq_length=loaded.model.max_seq_length,
        prompts=loaded.model.prompts,
        max_active=loaded.model.max_active,
    )
    share_pooling(encoder, model)
    return encoder, LoadedModel(loaded.tokenizer, model, loaded.device)
