"""The peers that are installed here, and their indexes over the same vectors."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import warnings
from pathlib import Path

import scipy.sparse as sp

from peers.exhaustive import Qdrant, Scipy, ScipyTransposed, SpladeIndexPeer
from peers.peer import Peer
from peers.pruning import Bmp, ImpactIndex, Pisa, Seismic

PEERS: tuple[type[Peer], ...] = (
    Scipy,
    ScipyTransposed,
    SpladeIndexPeer,
    Qdrant,
    Seismic,
    Bmp,
    ImpactIndex,
    Pisa,
)


def available(names: list[str] | None, extra: list[Path]) -> list[type[Peer]]:
    """The peers whose packages are installed, also under `extra`; says on stderr which are not."""
    sys.path += map(str, extra)
    warnings.filterwarnings("ignore")
    found = []
    for peer in PEERS:
        if names is not None and peer.label not in names:
            continue
        if importlib.util.find_spec(peer.package) is None:
            print(f"{peer.label}: not installed, skipped", file=sys.stderr, flush=True)
        else:
            found.append(peer)
    return found


def built(peer: type[Peer], vectors: sp.csr_matrix, folder: Path) -> Peer | None:
    """A peer over `vectors` in a fresh `folder`; None, with the reason on stderr, where it fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.unlink(missing_ok=True)
    try:
        return peer(vectors, folder)
    except Exception as error:  # a peer's own failure must not stop the others
        print(f"{peer.label}: {type(error).__name__}: {error}, skipped", file=sys.stderr, flush=True)
        return None
