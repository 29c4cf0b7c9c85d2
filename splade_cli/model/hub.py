"""Files of a model that lies in a folder or on the hub, and what it means where it cannot be opened."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from splade_cli.errors import ModelError
from splade_cli.hub import HubFailure, first_line, hub_answers, hub_failure
from splade_cli.model.options import ModelOptions
from splade_cli.storage.machine_faults import raise_machine_error

ANOTHER = "use 'tiny', a folder, or a hub id like prithivida/Splade_PP_en_v1"


def require_hub(source: str, revision: str | None) -> None:
    """Raises ModelError at once where a model has to be fetched and the hub does not answer."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(source).is_dir():
        return
    try:
        cached = try_to_load_from_cache(source, "config.json", revision=revision)
    except HFValidationError as error:
        raise model_error(source, error) from None
    if isinstance(cached, str) or constants.HF_HUB_OFFLINE:
        return
    if not hub_answers():
        raise out_of_reach(source)


def fetched_commit(source: str, revision: str | None = None) -> str | None:
    """The commit of a hub repository that lies in the cache, None where none does."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "modules.json"):
        cached = try_to_load_from_cache(source, name, revision=revision)
        if isinstance(cached, str):
            return Path(cached).parent.name
    return None


def find_file(source: str, name: str, revision: str | None = None) -> Path | None:
    """The file `name` of a folder or hub repository, None where it has none. Raises ModelError."""
    if Path(source).is_dir():
        path = Path(source) / name
        return path if path.is_file() else None
    from transformers.utils import cached_file

    try:
        cached = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    except (OSError, ValueError) as error:
        raise model_error(source, error) from None
    return None if cached is None else Path(cached)


def read_json(source: str, name: str, revision: str | None = None) -> Any:
    """`find_file` as JSON, None where there is none. Raises ModelError for a damaged one."""
    path = find_file(source, name, revision)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ModelError(f"{path} is damaged: not JSON", "copy or download the model folder again") from None


def model_error(
    name: str,
    error: Exception,
    options: ModelOptions | None = None,
    *,
    source: str | None = None,
    subfolder: str = "",
    kind: str = "masked language model",
) -> ModelError:
    """One sentence and a hint for what transformers and the hub's client say in many lines.

    Args:
        name: what the user called the model; `source` is its folder or hub id where that differs.
        error: raised while it was opened.
        options: how it was opened; without them neither code nor pickles are thought of.
        subfolder: where its weights lie.
        kind: what it was opened as.
    """
    source = source or name
    folder = Path(source).expanduser()
    raise_machine_error(error, folder if folder.is_dir() else None)
    failure = hub_failure(error)
    if failure is not None and not folder.is_dir():
        return _hub_error(name, failure)
    if options is not None and isinstance(error, ValueError) and _needs_code(source, subfolder, options):
        return ModelError(
            f"{name} brings its own Python code", "read it, then allow running it", option="trust_remote_code"
        )
    if options is not None and isinstance(error, OSError) and _needs_pickle(source, subfolder, options):
        return ModelError(
            f"{name} has no safetensors weights",
            "a pickle can run any code: allow it only if you trust its author",
            option="allow_pickle",
        )
    if folder.is_dir():
        return ModelError(f"{name} could not be read as a {kind}: {first_line(error)}", ANOTHER)
    return ModelError(f"no model {name} on the hub or on this disk: {first_line(error)}", ANOTHER)


def out_of_reach(name: str) -> ModelError:
    """The hub does not answer, and the model was not fetched before."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        hint = "HF_HUB_OFFLINE is set: unset it, or name a local folder"
    else:
        hint = "name a local folder; behind a mirror set HF_ENDPOINT"
    return ModelError(f"the model hub cannot be reached for {name}", hint)


def _hub_error(name: str, failure: HubFailure) -> ModelError:
    if failure.kind in ("offline", "unreachable"):
        return out_of_reach(name)
    if failure.kind == "forbidden":
        return ModelError(
            f"{name} is gated or private", "accept its terms on the hub and run `hf auth login`"
        )
    if failure.kind == "not found":
        return ModelError(
            f"no model {name} on the hub or on this disk",
            f"{ANOTHER}; a private one needs `hf auth login`",
        )
    return ModelError(f"the model hub refused {name}: {failure.text}", "try again later")


def _needs_code(source: str, subfolder: str, options: ModelOptions) -> bool:
    """Whether the model names code of its own that it may not run."""
    if options.trust_remote_code:
        return False
    for name in ("config.json", "tokenizer_config.json"):
        settings = read_json(source, os.path.join(subfolder, name), options.revision)
        if isinstance(settings, dict) and "auto_map" in settings:
            return True
    return False


def _needs_pickle(source: str, subfolder: str, options: ModelOptions) -> bool:
    """Whether the model has no weights but those that may not be read."""
    if options.allow_pickle:
        return False
    if Path(source).is_dir():
        return next(Path(source).rglob("*.safetensors"), None) is None
    names = ("model.safetensors", "model.safetensors.index.json")
    return all(find_file(source, os.path.join(subfolder, name), options.revision) is None for name in names)


def quiet() -> None:
    """Loading bars and advice of transformers do not belong between a user's results."""
    from transformers.utils import logging as transformers_logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
