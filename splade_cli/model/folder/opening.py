"""Opening of a model folder that a stranger may have written: it opens, or it is a ModelError.

What the libraries check of their files is little, and what they raise is anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from splade_cli.errors import ModelError, SpladeError
from splade_cli.model.folder.settings import AGAIN, Settings, inside, shown
from splade_cli.model.folder.sizes import require_sizes
from splade_cli.model.hub import model_error, read_json
from splade_cli.model.options import ModelOptions
from splade_cli.storage.machine_faults import raise_machine_error

MODULES = "modules.json"
ROUTER = "router_config.json"
PROMPTS = "config_sentence_transformers.json"


@contextmanager
def opening(
    name: str,
    source: str,
    options: ModelOptions | None = None,
    *,
    subfolder: str = "",
    kind: str = "masked language model",
) -> Iterator[None]:
    """Modules and sizes are looked at before the block, and whatever is raised within it is a ModelError.

    Args:
        name: what the user called the model; `source` is its folder or hub id.
        options: how it is opened.
        subfolder: where its weights lie, if it is no folder of modules.
        kind: what it is opened as.
    """
    from safetensors import SafetensorError

    revision = options.revision if options else None
    folders = {subfolder, *module_folders(source, revision)}
    for folder in sorted(folders):
        require_sizes(source, folder, revision)
    Settings.read(source, PROMPTS, revision).texts("prompts")
    try:
        yield
    except SpladeError:
        raise
    except SafetensorError as error:
        raise_machine_error(error, Path(source))
        raise ModelError(
            f"the weights of {name} are damaged ({error})", "copy or download the model again"
        ) from None
    except ImportError as error:
        raise ModelError(
            f"{name} names modules that sentence-transformers does not have: {error}",
            "is its version the same?",
        ) from None
    except Exception as error:  # anything, for the files may hold anything
        raise model_error(name, error, options, source=source, subfolder=subfolder, kind=kind) from None


def module_folders(source: str, revision: str | None = None) -> list[str]:
    """The folders of a model's modules, those of its routes among them; none where it names none.

    Raises:
        ModelError: modules.json or router_config.json are no such lists, or name a path outside.
    """
    modules = read_json(source, MODULES, revision)
    if modules is None:
        return []
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise ModelError(f"{source}/{MODULES} is no list of modules", AGAIN)
    folders = []
    for module in modules:
        if not isinstance(module.get("type"), str):
            raise ModelError(f"{source}/{MODULES} names {shown(module.get('type'))} for a type", AGAIN)
        folders.append(inside(f"{source}/{MODULES}", module.get("path")))
    for folder in list(folders):
        file = f"{folder}/{ROUTER}".lstrip("/")
        router: Any = read_json(source, file, revision)
        if router is None:
            continue
        if not isinstance(router, dict) or not isinstance(router.get("types"), dict):
            raise ModelError(f"{source}/{file} names no types of modules", AGAIN)
        for part in router["types"]:
            folders.append(f"{folder}/{inside(f'{source}/{file}', part)}".lstrip("/"))
    return folders
