"""Regularisation towards the base model: how far a model has moved on texts of random words.

A small folder says nothing of most words, and training lets their expansions drift. Keeping the model where
it was on texts of random words keeps what it knew of them (docs/experiments.md).
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from splade_cli.training.trainable import Trainable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEXTS = 24
SHORTEST = 4
LONGEST = 16
MARKS = ("▁", "Ġ")
"""What stands before the first piece of a word in SentencePiece and byte-pair vocabularies."""


class Anchor:
    """A frozen copy of a vocabulary model as it is now.

    Args:
        trainable: a model with a vocabulary, before its first step.
        seed: with the step's number it decides the words, so that a resumed run draws the same.
    """

    def __init__(self, trainable: Trainable, seed: int) -> None:
        self.tokenizer = trainable.view.tokenizer
        self.seed = seed
        self.routed = trainable.routed
        self.frozen = copy.deepcopy(trainable.view.splade).eval().requires_grad_(False)
        self.device = trainable.view.device.name
        self.words = whole_words(self.tokenizer)

    def texts(self, step: int) -> list[str]:
        """The texts of one step; words near the front of the vocabulary, frequent ones, come more often."""
        generator = random.Random(f"{self.seed}|{step}")
        texts = []
        for _ in range(TEXTS):
            length = generator.randint(SHORTEST, LONGEST)
            ranks = [int(len(self.words) * generator.random() ** 2) for _ in range(length)]
            texts.append(" ".join(self.words[rank] for rank in ranks))
        return texts

    def distance(self, encoder: Any, step: int) -> Tensor:
        """Squared distance of the vectors now and before, a mean over the texts of `step`.

        Args:
            encoder: the sentence-transformers model in training, wrapped or not.
        """
        features = dict(self.tokenizer(self.texts(step), padding=True, return_tensors="pt").to(self.device))
        with torch.no_grad():
            before = self.frozen(**features)
        if self.routed:
            features["task"] = "document"
        now: Tensor = encoder(features)["sentence_embedding"]
        moved: Tensor = (now.float() - before.float()).square().sum(1).mean()
        return moved


def whole_words(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The words that are one token, in the order of the vocabulary."""
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    marked = any(token.startswith(MARKS) for token, _ in tokens)
    words = []
    for token, _ in tokens:
        if marked and not token.startswith(MARKS):
            continue
        word = token[1:] if marked else token
        if len(word) > 1 and word.isalpha():
            words.append(word)
    return words
