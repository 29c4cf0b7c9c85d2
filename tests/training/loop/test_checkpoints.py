"""Which checkpoint a run goes on from: the newest that is whole, and named where one is damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.storage.checksums import write_checksums
from splade_cli.training.loop.checkpoints import (
    newest_checkpoint,
    remove_leftover_checkpoints,
    require_whole,
)


def checkpoint(folder: Path, step: str) -> Path:
    """Made-up files of a checkpoint, with their checksums."""
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "optimizer.pt").write_bytes(bytes(range(256)))
    (path / "trainer_state.json").write_text("{}")
    write_checksums(path, ["optimizer.pt", "trainer_state.json"])
    return path


def test_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    for step in ("9", "10", "11", "x"):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-11" / "checksums.json").unlink()
    (tmp_path / "checkpoint-11" / "trainer_state.json").unlink()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert newest_checkpoint(tmp_path, processes=2) is None, "no random state of the second"
    (tmp_path / "checkpoint-10" / "checksums.json").unlink()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-9", (
        "killed before its checksums were written"
    )
    (tmp_path / "checkpoint-9" / "checksums.json").unlink()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10", (
        "none has any: another program wrote them"
    )


@pytest.mark.parametrize("name", ["optimizer.pt", "trainer_state.json", "checksums.json"])
def test_a_damaged_one_is_passed_over_and_named(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = checkpoint(tmp_path, "5"), checkpoint(tmp_path, "10")
    content = bytearray((newer / name).read_bytes())
    content[len(content) // 2] ^= 1
    (newer / name).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(tmp_path) == older
    assert "checkpoint-10" in caplog.text
    assert "damaged" in caplog.text
    with pytest.raises(InputError, match="checkpoint-10.* is damaged"):
        require_whole(newer)
    assert require_whole(older) == older


def test_what_a_killed_run_left_of_checkpoints_goes(tmp_path: Path) -> None:
    """Number 4 is half removed, 6 is the best, 12 half written, and three are kept."""
    for step in ("2", "4", "6", "8", "9", "12"):
        checkpoint(tmp_path, step)
    chosen = checkpoint(tmp_path, "10")
    (chosen / "trainer_state.json").write_text(f'{{"best_model_checkpoint": "{tmp_path}/checkpoint-6"}}')
    (tmp_path / "checkpoint-4" / "optimizer.pt").unlink()
    (tmp_path / "checkpoint-12" / "checksums.json").unlink()
    (tmp_path / "checkpoint-notes").mkdir()
    remove_leftover_checkpoints(chosen, 3)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["checkpoint-10", "checkpoint-6", "checkpoint-9", "checkpoint-notes"]


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no checkpoint"):
        require_whole(tmp_path)
