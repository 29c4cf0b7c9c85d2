"""What moved between two rankings; the other one by index, by model over all rows, over the first hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError, SpladeError
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.records import Chunk, Hit
from splade_cli.search.options import SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher
from splade_cli.search.session import compare
from splade_cli.search.session.compare import Move, Others, moves, overlap

TEXTS = (
    "Reset a forgotten password.",
    "A password has twelve characters.",
    "Backups run every night.",
    "Saw blades.",
)


def hits(names: str) -> list[Hit]:
    return [Hit(name, rank, 1 / rank, "", title=name.upper()) for rank, name in enumerate(names, 1)]


def test_every_way_to_move() -> None:
    assert moves(hits("abcdefg"), hits("acxbf"), 4) == [
        Move("a", "A", 1, 1, "same"),
        Move("c", "C", 3, 2, "up"),
        Move("x", "X", None, 3, "new"),
        Move("b", "B", 2, 4, "down"),
        Move("d", "D", 4, None, "gone"),
    ]
    assert moves(hits("ab"), hits("cab"), 1) == [Move("c", "C", None, 1, "new"), Move("a", "A", 1, 2, "gone")]
    assert moves(hits("abc"), hits("ca"), 2)[0] == Move("c", "C", 3, 1, "new"), (
        "its rank was beyond the screen"
    )
    assert moves([], [], 3) == []


@given(st.permutations("abcdefgh"), st.permutations("efghijkl"), st.integers(1, 10))
def test_moves_account_for_both_screens(before: list[str], after: list[str], top: int) -> None:
    found = moves(hits("".join(before)), hits("".join(after)), top)
    assert [move.id for move in found if move.change != "gone"] == after[:top]
    assert {move.id for move in found if move.change not in ("new", "gone")} | {
        move.id for move in found if move.change == "gone"
    } == set(before[:top])
    assert overlap(found, top) == len(set(before[:top]) & set(after[:top]))
    for move in found:
        assert move.before == (before.index(move.id) + 1 if move.id in before else None)
        assert move.after == (after.index(move.id) + 1 if move.id in after else None)
        if move.before and move.after and move.change in ("same", "up", "down"):
            assert (
                move.change
                == {0: "same", 1: "up", -1: "down"}[(move.before > move.after) - (move.before < move.after)]
            )


@pytest.fixture(scope="module")
def mine(embedder: SpladeEmbedder) -> Searcher:
    chunks = [
        Chunk(f"d{number}::1", f"d{number}", text, "Title", metadata={"n": number})
        for number, text in enumerate(TEXTS)
    ]
    return Searcher.over(index_chunks(chunks, embedder), embedder)


def test_another_model_sees_all_rows_of_a_small_index(mine: Searcher, bert_folder: Path) -> None:
    stages: list[tuple[str, int]] = []
    others = Others(ModelOptions(device="cpu", precision="fp32"))
    other, remark = others.open(
        str(bert_folder), mine, [], lambda stage, done, total: stages.append((stage, done))
    )
    assert remark == ""
    assert list(other.engine.ids()) == list(mine.engine.ids())
    assert stages and stages[-1][1] == len(TEXTS)
    assert [hit.id for hit in other.search("password", 10, SearchOptions(filter="n >= 2"))] == [
        hit.id for hit in other.search("password", 10) if hit.id in ("d2::1", "d3::1")
    ]
    assert others.open(str(bert_folder), mine, [])[0] is other, "it is opened once"


def test_another_model_ranks_the_first_hits_of_a_large_index(
    mine: Searcher, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "WHOLE_ROWS", 2)
    pool = mine.search("password", 2)
    other, remark = Others(ModelOptions(device="cpu")).open(str(bert_folder), mine, pool)
    assert set(other.engine.ids()) == {hit.id for hit in pool}
    assert "only the first 2 hits" in remark and "splade index" in remark


def test_the_model_of_the_index_encodes_nothing_again(mine: Searcher) -> None:
    other, remark = Others(ModelOptions(device="cpu", precision="fp32")).open("tiny", mine, [])
    assert other.engine.index is mine.engine.index
    assert remark == ""
    assert isinstance(other.encoder, ModelEncoder)


def test_another_index(mine: Searcher, tmp_path: Path) -> None:
    mine.engine.index.save(tmp_path / "other")
    other, remark = Others(ModelOptions(device="cpu")).open(str(tmp_path / "other"), mine, [])
    assert remark == ""
    assert [hit.id for hit in other.search("password")] == [hit.id for hit in mine.search("password")]


def test_what_cannot_be_compared_with(mine: Searcher, tmp_path: Path, embedder: Any) -> None:
    with pytest.raises(SpladeError):
        Others().open(str(tmp_path / "nothing"), mine, [])
    bare = SpladeIndex.from_vectors(mine.engine.index.vectors, vocabulary=mine.engine.index.vocabulary)
    with pytest.raises(InputError, match="no texts"):
        Others(ModelOptions(device="cpu")).open("tiny", Searcher.over(bare, embedder), [])
