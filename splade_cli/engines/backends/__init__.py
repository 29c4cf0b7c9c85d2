"""A backend's name and CSR vectors in, its search out, called as the exact engine is; knows no index format.

What a backend builds is kept in ``<index>/backends/<name>/`` with the identity of what it was built from, and built
again when that has changed. It may be deleted at any time.
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.backends.candidates import CandidateSearch, Library
from splade_cli.engines.backends.qdrant_edge import QdrantEdge
from splade_cli.engines.backends.seismic import Seismic
from splade_cli.engines.two_step import Steps, TwoStep
from splade_cli.errors import InputError, did_you_mean
from splade_cli.files import replacing_folder

LIBRARIES: dict[str, type[Library]] = {"seismic": Seismic, "qdrant-edge": QdrantEdge}
TWO_STEP = "two-step"
BACKENDS = tuple(LIBRARIES)
FOLDER = "backends"
_MADE = "made.json"


class Backend(Protocol):
    """What can be searched as `index.postings.Postings` are."""

    def search(
        self,
        queries: sp.csr_matrix,
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows int64 [q, k] and scores float32 [q, k]; empty places -1 and -inf."""
        ...


def open_backend(
    name: str, vectors: sp.csr_matrix, folder: Path | None = None, *, identity: str = ""
) -> Backend:
    """The backend `name` over `vectors`, opened from the index `folder` where it was built before.

    Args:
        name: one of BACKENDS, or ``two-step``, ``two-step=D:Q`` for a first step of D terms a document and Q a query.
        vectors: CSR [rows, dimensions], all rows of the index, terms ascending.
        folder: the index folder; None keeps nothing.
        identity: tells one state of the vectors from another, e.g. the names of the segments.

    Raises:
        InputError: an unknown backend, one that is not installed, or vectors that it cannot take.
    """
    kind, _, setting = name.partition("=")
    known = (*LIBRARIES, TWO_STEP)
    if kind not in known or (setting and kind != TWO_STEP):
        hint = did_you_mean(kind, known) or f"beside exact there are {', '.join(known)}"
        raise InputError(f"unknown backend '{name}'", hint)
    facts = {"identity": identity, "shape": list(vectors.shape), "nonzeros": int(vectors.nnz)}
    if kind == TWO_STEP:
        return _two_step(_steps(setting) if setting else Steps(), vectors, folder, facts)
    library = LIBRARIES[kind]
    installed = _installed(name, library)
    if folder is None:
        temporary = tempfile.TemporaryDirectory()
        library.build(vectors, Path(temporary.name))
        return CandidateSearch(library(Path(temporary.name)), vectors, temporary)
    place = folder / FOLDER / name
    made = {**facts, "library": installed}
    if _read(place / _MADE) != made:
        with replacing_folder(place) as new:
            library.build(vectors, new)
            (new / _MADE).write_text(json.dumps(made), encoding="utf-8")
    return CandidateSearch(library(place), vectors)


def _two_step(steps: Steps, vectors: sp.csr_matrix, folder: Path | None, facts: dict[str, object]) -> TwoStep:
    if folder is None:
        return TwoStep.build(vectors, steps)
    place = folder / FOLDER / f"{TWO_STEP}-{steps.document_terms}-{steps.query_terms or 0}"
    if _read(place / _MADE) != facts:
        with replacing_folder(place) as new:
            TwoStep.write(new, [vectors], vectors.shape[1], steps)
            (new / _MADE).write_text(json.dumps(facts), encoding="utf-8")
    return TwoStep.open(place, vectors)


def _steps(setting: str) -> Steps:
    terms, _, of_query = setting.partition(":")
    if not terms.isdecimal() or int(terms) == 0 or not (of_query or "0").isdecimal():
        raise InputError(
            f"--backend two-step takes D:Q terms, got '{setting}'", "e.g. --backend two-step=64:16"
        )
    return Steps(int(terms), int(of_query or 0) or None)


def _installed(name: str, library: type[Library]) -> str:
    try:
        return f"{library.package} {version(library.package)}"
    except PackageNotFoundError:
        raise InputError(
            f"the backend {name} needs {library.package}, not installed",
            f'pip install "splade-cli[{library.extra}]"',
        ) from None


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
