"""Limits of engines: each is met by a row that is named, before anything is sent."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.remote.limits import Checked, Limits, check
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex


def index(ids: list[str] | None = None, texts: list[str] | None = None) -> SpladeIndex:
    dense = np.array([[1, 0, 0, 0], [0.5, 2.5, -1, 0], [0, 0, 0, 0]], dtype=np.float32)
    return SpladeIndex.from_vectors(sp.csr_matrix(dense), ids or ["a", "b", "c"], texts)


def test_what_is_found_where_there_are_no_limits() -> None:
    assert check(index(), Limits("an engine")) == Checked(3, 1, 3, 2.5)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"dimensions": 3}, "an engine takes at most 3 dimensions, the index has 4"),
        ({"nonzeros": 2}, "an engine takes at most 2 weights a text, 'b' has 3"),
        ({"weight": 2.0}, "an engine takes weights up to 2, 'b' has 2.5"),
        ({"negative": False}, "an engine takes no weights below 0, 'b' has -1"),
        ({"text_bytes": 20}, "an engine takes at most 20 bytes of text and metadata a chunk, 'a' has"),
    ],
)
def test_a_limit_names_the_row_beyond_it(limits: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(index(), Limits("an engine", **limits))  # type: ignore[arg-type]


def test_ids_that_are_too_long_or_hold_nul() -> None:
    with pytest.raises(InputError, match="ids of at most 4 bytes, 'ééé' has 6"):
        check(index(["a", "ééé", "c"]), Limits("an engine", id_bytes=4))
    with pytest.raises(InputError, match=r"no NUL character in an id: 'b\\x00'"):
        check(index(["a", "b\0", "c"]), Limits("an engine", nul=False))
    check(index(["a", "b\0", "c"]), Limits("an engine"))


def test_deleted_rows_are_not_looked_at(tmp_path: object) -> None:
    without = index().remove(["b"])
    assert check(without, Limits("an engine", nonzeros=2, negative=False)) == Checked(2, 1, 1, 1.0)
