"""A finished model folder to the model hub, only when asked: checked before it leaves, compared when it is there.

What is sent is what a reader needs: no checkpoints, optimiser states, logs or hidden files.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from splade_cli.errors import InputError, ModelError, ServiceError, SpladeError
from splade_cli.hub import first_line, hub_failure

if TYPE_CHECKING:
    import scipy.sparse as sp

PROBES = (
    "How do I reset a password that I have forgotten?",
    "Backups are kept for thirty days, then deleted every night.",
    "The kiln fires clay at 1,060 degrees; open it below 90.",
    "café naïve e-mail@host (brackets) 12.5%",
)
"""Texts whose vectors are compared before a model leaves."""
LEFT_OUT = (
    *(".*", "*/.*", "__pycache__/*", "*.tmp", "*.log", "runs/*", "events.out.tfevents*"),
    *(
        "checkpoint-*/*",
        "checkpoints/*",
        "optimizer.*",
        "scheduler.pt",
        "scaler.pt",
        "rng_state*",
        "trainer_state.json",
    ),
    "training_args.bin",
)


@dataclass(frozen=True)
class Pushed:
    """A commit on the hub: bytes by file, and files that were in the repository before and are not here."""

    repo_id: str
    url: str
    commit: str
    files: dict[str, int]
    others: list[str]


def require_push(repo_id: str | None, *, token: str | None = None, endpoint: str | None = None) -> str:
    """Whether a push can succeed, found out before anything is computed; returns the account's name.

    Args:
        repo_id: ``name/model``.
        token: by default HF_TOKEN, or what `hf auth login` keeps.
        endpoint: by default HF_ENDPOINT, or the public hub.

    Raises:
        InputError: no repository or no token.
        ServiceError: the hub cannot be reached, or does not know the token.
    """
    if not repo_id or re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repo_id, re.ASCII) is None:
        raise InputError(
            f"a repository is needed to push to, got '{repo_id or ''}'", "e.g. your-name/your-model"
        )
    api = _api(token, endpoint)
    try:
        return str(api.whoami()["name"])
    except Exception as error:
        raise _told(error, repo_id, api.endpoint) from None


def push_to_hub(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    endpoint: str | None = None,
    vectors: Mapping[str, sp.csr_matrix] | None = None,
    message: str = "Model trained with splade-cli",
    **options: Any,
) -> Pushed:
    """Uploads a model folder, and makes sure that the hub has what is here.

    Before, the files that will be sent are opened by themselves and have to give the vectors of `folder`.

    Args:
        folder: a model folder, or a run folder with ``final/``.
        repo_id: ``name/model``, made if it is not there.
        private: whether a new repository can be read by others; the account's default by default.
        token, endpoint: see `require_push`.
        vectors: CSR [len(PROBES), V] of PROBES by ``document`` and ``query``, by the model in memory; those of
            `folder` by default.
        message: of the commit.
        options: of `search.encoder.SpladeEmbedder`.

    Raises:
        InputError: no model folder, no repository, no token.
        ModelError: the files give other vectors.
        ServiceError: the hub refuses, cannot be reached, or has other bytes than were sent.
    """
    source = model_folder(folder)
    require_push(repo_id, token=token, endpoint=endpoint)
    chosen = files_to_push(source)
    check_vectors(source, chosen, vectors, **options)
    api = _api(token, endpoint)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=source,
            allow_patterns=[_literal(name) for name in chosen],
            commit_message=message,
        )
        there = {
            entry.path: (entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
            for entry in api.list_repo_tree(repo_id, recursive=True, revision=commit.oid)
            if hasattr(entry, "size")
        }
    except Exception as error:
        raise _told(error, repo_id, api.endpoint) from None
    different = [name for name in chosen if not _same(source / name, there.get(name))]
    if different:
        raise ServiceError(
            f"{repo_id} has other bytes than {source} in {', '.join(different[:3])}",
            f"splade push {folder} again",
        )
    sizes = {name: (source / name).stat().st_size for name in chosen}
    others = sorted(set(there) - set(chosen) - {".gitattributes"})
    return Pushed(repo_id, f"{api.endpoint}/{repo_id}", commit.oid, sizes, others)


def push_checkpoint(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Uploads a whole checkpoint to ``last-checkpoint/`` of the repository, in place of the one before; its commit."""
    api = _api(token, endpoint)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        return str(
            api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                path_in_repo="last-checkpoint",
                delete_patterns="*",
                commit_message=f"Training in progress, {Path(folder).name}",
            ).oid
        )
    except Exception as error:
        raise _told(error, repo_id, api.endpoint) from None


def model_folder(folder: str | Path) -> Path:
    """The folder that holds the model itself. Raises InputError or ModelError where there is none."""
    from splade_cli.model.load import MARKS, resolve

    if not Path(folder).expanduser().is_dir():
        raise InputError(f"no model folder {folder}", "name the folder that `splade train` wrote")
    found = Path(resolve(str(folder)))
    if not any((found / mark).is_file() for mark in MARKS):
        raise ModelError(
            f"{folder} is no model folder: it has no config.json", "name the folder that `splade train` wrote"
        )
    return found


def files_to_push(folder: Path) -> list[str]:
    """Names below `folder` that a reader of the model needs, sorted, with ``/`` between folders."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in LEFT_OUT)]


def check_vectors(
    folder: Path, names: list[str], vectors: Mapping[str, sp.csr_matrix] | None = None, **options: Any
) -> None:
    """Opens the files `names` by themselves and compares what they make of PROBES. Raises ModelError."""
    expected = vectors or _encode(folder, options)
    with TemporaryDirectory() as temporary:
        alone = Path(temporary) / folder.name
        for name in names:
            (alone / name).parent.mkdir(parents=True, exist_ok=True)
            os.symlink((folder / name).resolve(), alone / name)
        found = _encode(alone, options)
    for kind, before in expected.items():
        after = found[kind]
        if before.shape != after.shape or abs(before - after).max() > 1e-3 * max(1.0, abs(before).max()):
            raise ModelError(
                f"{folder}, opened again, gives other {kind} vectors than before",
                "train again, or report this folder",
            )


def _encode(folder: Path, options: Mapping[str, Any]) -> dict[str, sp.csr_matrix]:
    from splade_cli.model.embedder import SpladeEmbedder

    embedder = SpladeEmbedder(folder, **{"device": "cpu", "precision": "fp32", **options})
    return {kind: embedder.encode(PROBES, kind) for kind in ("document", "query")}


def _api(token: str | None, endpoint: str | None) -> Any:
    from huggingface_hub import HfApi, get_token

    found = token or get_token()
    if not found:
        raise InputError(
            "no token for the model hub", "`hf auth login`, or set HF_TOKEN; a push needs write access"
        )
    return HfApi(endpoint=endpoint, token=found, library_name="splade-cli")


def _same(path: Path, there: tuple[int, str] | None) -> bool:
    """Whether the hub's size and hash are a file's: sha256 of what it keeps as large, git's sha1 of all else."""
    size = path.stat().st_size
    if there is None or there[0] != size:
        return False
    with open(path, "rb") as file:
        digest = (
            hashlib.sha256()
            if len(there[1]) == 64
            else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        )
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest() == there[1]


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _told(error: Exception, repo_id: str, endpoint: str) -> SpladeError:
    """What the hub's client raised, in a sentence."""
    if isinstance(error, SpladeError):
        return error
    failure = hub_failure(error)
    if failure is None:
        return ServiceError(f"{repo_id} was not pushed: {first_line(error)}", "try again later")
    if failure.status == 401:
        return ServiceError(f"{endpoint} does not know the token", "`hf auth login`, or set HF_TOKEN")
    if failure.kind == "forbidden":
        return ServiceError(
            f"the token may not write to {repo_id}", "`hf auth login` with a token that has write access"
        )
    if failure.status is not None:
        return ServiceError(
            f"{endpoint} answered {failure.status} for {repo_id}: {failure.text}", "try again later"
        )
    return ServiceError(
        f"{endpoint} cannot be reached: {failure.text}", "check the network; behind a mirror set HF_ENDPOINT"
    )
