"""Worker processes of the batches: a tokenizer of one thread in each."""

from __future__ import annotations

import os

import pytest
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader, Dataset

from splade_cli.training.loop.guarded_trainer import with_single_threads


class Environment(Dataset[list[str]]):
    """What the process that reads a row has in its environment."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> list[str]:
        return [os.environ["TOKENIZERS_PARALLELISM"], os.environ.get("BEGUN", "")]


def begin(number: int) -> None:
    os.environ["BEGUN"] = "here"


@pytest.mark.parametrize("prepared", [False, True])
def test_workers_tokenise_in_one_thread(prepared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    monkeypatch.delenv("BEGUN", raising=False)
    loader = DataLoader(Environment(), num_workers=1, worker_init_fn=begin, collate_fn=list)
    if prepared:
        loader = prepare_data_loader(loader, put_on_device=False)
    assert list(with_single_threads(loader)) == [[["false", "here"]]] * 2
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
