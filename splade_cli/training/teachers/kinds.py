"""Kinds of teacher models, told by a prefix, or by what a folder or repository says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from splade_cli.errors import InputError, ModelError, did_you_mean

AUTO = "auto"
"""A teacher's name that stands for the dense model at hand."""
USUAL_TEACHER = "Snowflake/snowflake-arctic-embed-l"
"""LASPAR's."""
KINDS = ("cross-encoder", "dense", "sparse", "bm25")
_BY_HEAD = {"ForSequenceClassification": "cross-encoder", "ForMaskedLM": "sparse", "Model": "dense"}
_BY_MODEL_TYPE = {"CrossEncoder": "cross-encoder", "SparseEncoder": "sparse"}


def kind_of(name: str) -> tuple[str, str]:
    """The kind of a teacher and the name of its model.

    ``bm25``; ``cross-encoder:NAME``, ``dense:NAME``, ``sparse:NAME``; or NAME alone, whose kind its folder or
    repository tells: `model_type` and modules of sentence-transformers, else the architecture in config.json.

    Raises:
        InputError: a kind without a name. ModelError: no such model, or one whose kind cannot be told.
    """
    kind, colon, source = name.partition(":")
    if name == "bm25":
        return name, ""
    if colon and kind in KINDS:
        if not source or kind == "bm25":
            raise InputError(
                f"'{name}' is no teacher", "bm25, or cross-encoder:NAME, dense:NAME, sparse:NAME"
            )
        return kind, source
    from splade_cli.model.hub import require_hub
    from splade_cli.model.layout import PACKAGED, resolve

    if name in PACKAGED:
        return "dense", name
    try:
        source = resolve(name)
    except ModelError as error:
        close = did_you_mean(name, ("bm25", "tiny", *PACKAGED))
        if not close:
            raise
        raise ModelError(error.message, close) from None
    require_hub(source, None)
    return _kind_of_model(name, source), source


def require_teachers(names: Iterable[str]) -> None:
    """Raises InputError or ModelError for one that is no teacher, or is not there; none is opened."""
    from splade_cli.model.hub import require_hub
    from splade_cli.model.layout import resolve, resolve_dense

    for name in names:
        kind, source = (AUTO, "") if name == AUTO else kind_of(name)
        if source:
            require_hub(resolve(source) if kind == "sparse" else resolve_dense(source), None)


def teacher_at_hand(base: str) -> str | None:
    """The dense model that ``auto`` stands for, None where there is none.

    A base that is a dense sentence-transformers model teaches what is made of it. For others it is LASPAR's
    teacher or all-MiniLM-L6-v2, the first that lies on this disk, or LASPAR's where the hub can be reached.
    """
    from splade_cli.hub import hub_answers
    from splade_cli.model.hub import fetched_commit, read_json
    from splade_cli.model.layout import PACKAGED, resolve_dense

    source = resolve_dense(base)
    if read_json(source, "modules.json") is not None and _kind_of_model(base, source) == "dense":
        return base
    for name in (USUAL_TEACHER, PACKAGED[0]):
        source = resolve_dense(name)
        if Path(source).is_dir() or fetched_commit(source) is not None:
            return name
    if not os.environ.get("HF_HUB_OFFLINE") and hub_answers():
        return USUAL_TEACHER
    return None


def identity_of_teacher(kind: str, source: str) -> str:
    """What made a teacher's scores: its kind, and the hash of its weights or its hub id with the commit."""
    from splade_cli.model.hub import find_file
    from splade_cli.model.identity import identity_of
    from splade_cli.model.layout import resolve, resolve_dense

    model = resolve(source) if kind == "sparse" else resolve_dense(source)
    find_file(model, "config.json")  # a repository's commit is known once something of it was fetched
    return f"teacher {kind} {identity_of(model)}"


def _kind_of_model(name: str, source: str) -> str:
    from splade_cli.model.hub import read_json

    outer = read_json(source, "config_sentence_transformers.json") or {}
    modules = read_json(source, "modules.json")
    by_type = _BY_MODEL_TYPE.get(outer.get("model_type", ""))
    if by_type is not None:
        return by_type
    if modules is not None:
        types = [str(module.get("type", "")) for module in modules]
        return "sparse" if any(_is_sparse(module) for module in types) else "dense"
    architectures = (read_json(source, "config.json") or {}).get("architectures") or [""]
    for ending, kind in _BY_HEAD.items():
        if architectures[0].endswith(ending):
            return kind
    raise ModelError(
        f"cannot tell what kind of teacher {name} is "
        f"({architectures[0] or 'its config names no architecture'})",
        f"say so: cross-encoder:{name}, dense:{name} or sparse:{name}",
    )


def _is_sparse(module: str) -> bool:
    """Whether a module of sentence-transformers, or one of ours, makes sparse vectors."""
    return "parse" in module or "Splade" in module or module.startswith("splade_cli.")
