"""Upload of a model folder to the model hub: checked before it leaves, compared when it has arrived."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splade_cli.errors import InputError, ServiceError, SpladeError
from splade_cli.hub import first_line, hub_failure
from splade_cli.model.options import ModelOptions
from splade_cli.storage.machine_faults import machine_error
from splade_cli.training.publishing.contents import check_vectors, files_to_push, model_folder

if TYPE_CHECKING:
    import scipy.sparse as sp

MESSAGE = "Model trained with splade-cli"


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
        raise _push_error(error, repo_id, api.endpoint) from None


def push_to_hub(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    endpoint: str | None = None,
    vectors: Mapping[str, sp.csr_matrix] | None = None,
    message: str = MESSAGE,
    options: ModelOptions | None = None,
) -> Pushed:
    """Uploads a model folder, and makes sure that the hub has what is here.

    Before, the files that will be sent are opened by themselves and have to give the vectors of `folder`.

    Args:
        folder: a model folder, or a run folder with ``final/``.
        repo_id: ``name/model``, made if it is not there.
        private: whether a new repository can be read by others; the account's default by default.
        token, endpoint: see `require_push`.
        vectors: CSR [len(PROBES), V] of PROBES by ``document`` and ``query``, by the model in memory; those
            of `folder` by default.
        message: of the commit.
        options: how to open the model; on the CPU by default.

    Raises:
        InputError: no model folder, no repository, no token.
        ModelError: the files give other vectors.
        ServiceError: the hub refuses, cannot be reached, or has other bytes than were sent.
    """
    source = model_folder(folder)
    require_push(repo_id, token=token, endpoint=endpoint)
    chosen = files_to_push(source)
    check_vectors(source, chosen, vectors, options)
    api = _api(token, endpoint)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=source,
            allow_patterns=[_literal(name) for name in chosen],
            commit_message=message,
        )
        arrived = {}
        for entry in api.list_repo_tree(repo_id, recursive=True, revision=commit.oid):
            if hasattr(entry, "size"):
                arrived[entry.path] = (entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
    except Exception as error:
        raise _push_error(error, repo_id, api.endpoint) from None
    different = [name for name in chosen if not _same(source / name, arrived.get(name))]
    if different:
        raise ServiceError(
            f"{repo_id} has other bytes than {source} in {', '.join(different[:3])}",
            f"splade push {folder} again",
        )
    sizes = {name: (source / name).stat().st_size for name in chosen}
    others = sorted(set(arrived) - set(chosen) - {".gitattributes"})
    return Pushed(repo_id, f"{api.endpoint}/{repo_id}", commit.oid, sizes, others)


def push_checkpoint(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Uploads a checkpoint to ``last-checkpoint/`` of the repository, in place of the last; its commit."""
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
        raise _push_error(error, repo_id, api.endpoint) from None


def _api(token: str | None, endpoint: str | None) -> Any:
    from huggingface_hub import HfApi, get_token

    token = token or get_token()
    if not token:
        raise InputError(
            "no token for the model hub", "`hf auth login`, or set HF_TOKEN; a push needs write access"
        )
    return HfApi(endpoint=endpoint, token=token, library_name="splade-cli")


def _same(path: Path, arrived: tuple[int, str] | None) -> bool:
    """Whether the hub's size and hash are a file's: sha256 of a large file, git's sha1 of any other."""
    size = path.stat().st_size
    if arrived is None or arrived[0] != size:
        return False
    digest = hashlib.sha256()
    if len(arrived[1]) != digest.digest_size * 2:
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with open(path, "rb") as file:
        hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest() == arrived[1]


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _push_error(error: Exception, repo_id: str, endpoint: str) -> SpladeError:
    """What the hub's client raised, in a sentence."""
    if isinstance(error, SpladeError):
        return error
    failure = hub_failure(error)
    if failure is None:
        fault = machine_error(error)
        if fault is not None:
            return fault
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
